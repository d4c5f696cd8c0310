// The addon is optional: without it these tests hold what then must be so.
import { expect, test } from 'vitest';
import { loadKernel } from '../src/index.js';
import { nativeBuild } from './native-build.js';
import { sourcesOf } from './sources.js';

const { files, sources } = nativeBuild();
const built = files.length > 0;

test(`native build: absent, or made from these sources (built=${built}; else run scripts/build-native.sh)`, () => {
  expect(sources).toBe(built ? sourcesOf('napi') : '');
});

test(`native loader: one instance, or KERNEL_UNAVAILABLE (built=${built})`, () => {
  const load = () => loadKernel({ kind: 'native' });
  if (built) {
    expect(load().kind).toBe('native');
    expect(load()).toBe(load());
  } else expect(load).toThrow(expect.objectContaining({ code: 'KERNEL_UNAVAILABLE' }));
});

test(`native kernel: a buffer that is passed twice is refused and not written (built=${built})`, () => {
  if (!built) return;
  const kernel = loadKernel({ kind: 'native' });
  const bytes = new Uint8Array(96).fill(7);
  const none = new Uint8Array(0);
  const calls = [
    () => kernel.subtractSketch(bytes, bytes),
    () => kernel.subtractSketch(bytes.subarray(0, 48), bytes.subarray(24, 72)),
    () => kernel.sumRows(bytes, bytes.subarray(72)),
    () => kernel.peelSketch(bytes, bytes, new Uint32Array(3)),
    () => kernel.peelSketch(bytes, new Uint8Array(96), new Uint32Array(bytes.buffer, 0, 3)),
    () =>
      kernel.groupTags(bytes.subarray(32), Uint32Array.of(0, 1), none, Uint32Array.of(0), bytes.subarray(80)),
    () => kernel.addTags(bytes, Uint32Array.of(0), bytes.subarray(0, 16), 1),
  ];
  for (const call of calls) expect(call).toThrow(TypeError);
  expect(bytes).toEqual(new Uint8Array(96).fill(7));
  // Neighbours do not overlap.
  kernel.subtractSketch(bytes.subarray(0, 48), bytes.subarray(48));
  expect(bytes.subarray(0, 48)).toEqual(new Uint8Array(48));
});
