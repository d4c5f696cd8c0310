import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { DiskRoom } from '../src/storage/disk-room.js';

const GIB = 1024 ** 3;
const disk = vi.hoisted(() => ({ free: 0, looks: 0 }));
vi.mock('../src/storage/store-error.js', async (load) => ({
  ...(await load<typeof import('../src/storage/store-error.js')>()),
  freeBytes: () => {
    disk.looks++;
    return disk.free;
  },
}));

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
  disk.looks = 0;
});
afterEach(() => {
  vi.useRealTimers();
});

/** How often it looks at the disk for these writes, so many milliseconds apart. */
function looksFor(writes: readonly number[], apartMs: number): number {
  const room = new DiskRoom('/folder');
  for (const bytes of writes) {
    room.check(bytes);
    vi.advanceTimersByTime(apartMs);
  }
  return disk.looks;
}

test('disk room: with plenty of it the disk is looked at every 50 ms', () => {
  disk.free = 100 * GIB;
  expect(looksFor(new Array(100).fill(100_000), 5)).toBe(10);
});

test.each([1.9 * GIB, 1024 * 1024])(
  'disk room: with less it is looked at for each write (%d bytes)',
  (free) => {
    disk.free = free;
    expect(looksFor(new Array(10).fill(1000), 1)).toBe(10);
  },
);

test('disk room: it is looked at for a large write, however much there was', () => {
  disk.free = 100 * GIB;
  expect(looksFor([1000, GIB / 4, GIB / 4], 1)).toBe(3);
});

test('disk room: a write that does not fit is refused, and so is one after plenty was there', () => {
  const room = new DiskRoom('/folder');
  disk.free = 300_000;
  expect(() => room.check(100_000)).toThrow(expect.objectContaining({ code: 'DISK_FULL' }));
  room.check(10_000);
  disk.free = 100 * GIB;
  room.check(100_000);
  disk.free = 300_000;
  vi.advanceTimersByTime(50);
  expect(() => room.check(100_000)).toThrow(expect.objectContaining({ code: 'DISK_FULL' }));
});

test('disk room: after a large write that does not fit, and after a commit that failed, small ones are looked at', () => {
  const room = new DiskRoom('/folder');
  disk.free = 100 * GIB;
  room.check(1000);
  disk.free = 300_000;
  room.check(100_000);
  expect(() => room.check(GIB)).toThrow(expect.objectContaining({ code: 'DISK_FULL' }));
  expect(() => room.check(100_000)).toThrow(expect.objectContaining({ code: 'DISK_FULL' }));
  disk.free = 100 * GIB;
  room.check(1000);
  disk.free = 300_000;
  room.doubt();
  expect(() => room.check(100_000)).toThrow(expect.objectContaining({ code: 'DISK_FULL' }));
});
