// What holds for the built module only: where it comes from, how it loads, what memory it keeps.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { loadKernel } from '../src/index.js';
import { wasmMemoryBytes } from '../src/wasm-kernel.js';
import { sourcesOf } from './sources.js';

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url));

test('wasm build: the module was built from these sources (else run scripts/build-wasm.sh)', () => {
  const sources = sourcesOf('wasm');
  expect(readFileSync(file('../wasm/SOURCES.sha256'), 'utf8').replaceAll('\r\n', '\n')).toBe(sources);
});

test('wasm build: the module names no path of the machine that built it', () => {
  const module = readFileSync(file('../wasm/kernel_simd.wasm'), 'latin1');
  expect(module.match(/\/(?:home|root|Users|tmp)\/|\.cargo|[A-Z]:\\/)).toBeNull();
});

test('wasm memory: flat while batches go through (records=1000000, batch=1000)', () => {
  const kernel = loadKernel({ kind: 'wasm' });
  const batchRecords = 1_000;
  const frameBytes = 256;
  const rowsCount = 4;
  const frames = Uint8Array.from({ length: batchRecords * frameBytes }, (_, i) => i % 251);
  const ends = Uint32Array.from({ length: batchRecords }, (_, i) => (i + 1) * frameBytes);
  const rowOf = Uint32Array.from({ length: batchRecords }, (_, i) => i % rowsCount);
  const key = new Uint8Array(32);
  const tags = new Uint8Array(batchRecords * 16);
  const rows = new Uint8Array(rowsCount * 24);

  const batch = () => {
    kernel.tags(key, frames, ends, tags);
    kernel.addTags(rows, rowOf, tags, 1);
  };
  batch();
  const memoryBytes = wasmMemoryBytes();
  for (let i = 1; i < 1_000; i += 1) batch();

  expect(wasmMemoryBytes()).toBe(memoryBytes);
  expect(new DataView(rows.buffer).getBigUint64(16, true)).toBe(250_000n);
});

test('wasm memory: flat while items enter a sketch (items=10000000, batch=10000)', () => {
  const kernel = loadKernel({ kind: 'wasm' });
  const batchItems = 10_000;
  const batches = 1_000;
  const cells = new Uint8Array(1_024 * 24);
  const counters = Float64Array.from({ length: batchItems }, (_, i) => i);
  const tags = new Uint8Array(batchItems * 16);
  kernel.tags(
    new Uint8Array(32),
    new Uint8Array(batchItems),
    Uint32Array.from(counters, (i) => i + 1),
    tags,
  );

  const batch = () => kernel.addToSketch(cells, 0, counters, tags, 1);
  batch();
  const memoryBytes = wasmMemoryBytes();
  for (let i = 1; i < batches; i += 1) batch();

  expect(wasmMemoryBytes()).toBe(memoryBytes);
  // Every item is in the first symbol.
  expect(new DataView(cells.buffer).getInt32(16, true)).toBe(batchItems * batches);
});

test('wasm memory: a refused call keeps none of it (calls=10000)', () => {
  const kernel = loadKernel({ kind: 'wasm' });
  const frames = new Uint8Array(65_536);
  const refused = () => kernel.tags(new Uint8Array(32), frames, Uint32Array.of(1), new Uint8Array(16));
  expect(refused).toThrow(TypeError);
  const memoryBytes = wasmMemoryBytes();
  let refusals = 0;
  for (let i = 0; i < 10_000; i += 1) {
    try {
      refused();
    } catch {
      refusals += 1;
    }
  }
  expect(refusals).toBe(10_000);
  expect(wasmMemoryBytes()).toBe(memoryBytes);
});
