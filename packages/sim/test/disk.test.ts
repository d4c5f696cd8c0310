// What a crash takes, and what it leaves.
import { encodeFrame, type PackedGroup, packItems, putKey } from '@mendlog/core';
import { loadKernel } from '@mendlog/merkle';
import { describe, expect, test } from 'vitest';
import { Disk } from '../src/world/disk.js';
import { Random } from '../src/world/random.js';
import { Scheduler } from '../src/world/scheduler.js';

const ORIGIN = '0000000000001';
const KEY = putKey('k');

function madeDisk(options: { batchesMax?: number } = {}) {
  const scheduler = new Scheduler();
  const kernel = loadKernel();
  const disk = new Disk({
    scheduler,
    random: new Random(1),
    store: { storeId: ORIGIN, kernel, tagKeyOf: () => new Uint8Array(32) },
    batchesMax: options.batchesMax ?? 10,
    onFlushed: () => {},
  });
  const answers: string[] = [];
  const store = (counter: number) =>
    disk.apply([group(counter)], [], (answer) => answers.push(answer.ok ? `${counter}` : answer.error.code));
  return { scheduler, disk, answers, store };
}

function group(counter: number): PackedGroup {
  const version = { counter, origin: ORIGIN };
  return packItems('p', [encodeFrame({ version, timeMs: 1, key: 'k', value: Uint8Array.of(counter) })]);
}

describe('disk', () => {
  test('disk: nothing is seen or acknowledged before its flush (batches=1)', () => {
    const { scheduler, disk, answers, store } = madeDisk();
    store(1);
    expect(disk.keyState('p', KEY)).toBe('absent');
    scheduler.runUntil(50, 10);
    expect([disk.keyState('p', KEY), answers]).toEqual(['absent', []]);
    scheduler.runUntil(10_000, 10);
    expect(disk.keyState('p', KEY)).toMatchObject({ version: { counter: 1 } });
    expect(answers).toEqual(['1']);
  });

  test('disk: a crash takes what was not flushed, or spares the first of it (batches=3, kept=0 and 1)', () => {
    for (const kept of [0, 1]) {
      const { scheduler, disk, answers, store } = madeDisk();
      store(1);
      scheduler.runUntil(10_000, 10);
      store(2);
      store(3);
      disk.crash(kept);
      disk.reopen();
      scheduler.runUntil(20_000, 10);
      expect(disk.keyState('p', KEY)).toMatchObject({ version: { counter: 1 + kept } });
      expect(answers).toEqual(['1']);
    }
  });

  test('disk: a full disk and a full queue refuse, and store nothing (batchesMax=1)', () => {
    const { scheduler, disk, answers, store } = madeDisk({ batchesMax: 1 });
    disk.isFull = true;
    store(1);
    disk.isFull = false;
    store(2);
    store(3);
    scheduler.runUntil(10_000, 10);
    expect(answers.sort()).toEqual(['2', 'DISK_FULL', 'OVERLOADED']);
    expect(disk.store.head('p')).toBe(2);
  });

  test('disk: a damaged holder is unknown until it comes again (damaged=1)', () => {
    const { scheduler, disk, store } = madeDisk();
    store(1);
    scheduler.runUntil(10_000, 10);
    disk.damage('p', { counter: 1, origin: ORIGIN });
    expect(disk.keyState('p', KEY)).toBe('unknown');
    expect(disk.readKey('p', KEY)).toBeUndefined();
    expect(disk.damaged).toHaveLength(1);
    store(1);
    scheduler.runUntil(20_000, 10);
    expect(disk.keyState('p', KEY)).toMatchObject({ version: { counter: 1 } });
    expect(disk.damaged).toHaveLength(0);
  });
});
