/**
 * The speed of the digest kernels, native and WASM beside each other and beside blake3-wasm.
 * `npm run build && node bench/dist/kernel-speed.js`; bench/rust has the same in Rust. Ratios of one run are facts,
 * absolute figures are those of a machine.
 */
import {
  CELL_BYTES,
  type DigestKernel,
  INDEXED_ROW_BYTES,
  MendlogError,
  PROGRESS_LENGTH,
  ROW_BYTES,
  TAG_BYTES,
} from '@mendlog/core';
import { loadKernel } from '@mendlog/merkle';
import blake3 from 'blake3-wasm';
import { Bench } from 'tinybench';
import { recordsOf } from './records.js';

const FRAMES = 1024;
const FRAME_BYTES = 256;
const SYMBOLS = 1024;
const RECORDS = 4_000_000;
const SEGMENT = 250;
const SEGMENTS = RECORDS / SEGMENT;
const DEPTH = 10;
const KEY = new Uint8Array(32).fill(7);

const bench = new Bench({ time: 1000, warmupTime: 250 });
const frames = Uint8Array.from({ length: FRAMES * FRAME_BYTES }, (_, i) => i);
const ends = Uint32Array.from({ length: FRAMES }, (_, i) => (i + 1) * FRAME_BYTES);
const items = recordsOf(Array.from({ length: FRAMES }, (_, i) => i));

for (const kernel of kernels()) {
  addSmall(kernel);
  addLarge(kernel);
}
bench.add(`tags of ${FRAMES} x ${FRAME_BYTES} B: blake3-wasm, hash`, () => {
  for (let at = 0; at < frames.length; at += FRAME_BYTES) {
    blake3.hash(frames.subarray(at, at + FRAME_BYTES));
  }
});
await bench.run();
console.table(
  bench.tasks.map(({ name, result }) => ({
    name,
    'median us': result.state === 'completed' ? (result.latency.p50 * 1000).toFixed(1) : result.state,
    'p75 us': result.state === 'completed' ? (result.latency.p75 * 1000).toFixed(1) : '',
    samples: result.state === 'completed' ? result.latency.samplesCount : 0,
  })),
);

function kernels(): DigestKernel[] {
  const wasm = loadKernel({ kind: 'wasm' });
  try {
    return [loadKernel({ kind: 'native' }), wasm];
  } catch (thrown) {
    if (!(thrown instanceof MendlogError)) throw thrown;
    console.log(`without the native addon: ${thrown.message}`);
    return [wasm];
  }
}

function addSmall(kernel: DigestKernel): void {
  const tags = new Uint8Array(FRAMES * TAG_BYTES);
  bench.add(`tags of ${FRAMES} x ${FRAME_BYTES} B: ${kernel.kind}`, () =>
    kernel.tags(KEY, frames, ends, tags),
  );

  const here = new Uint8Array(SYMBOLS * CELL_BYTES);
  kernel.addToSketch(here, 0, items.counters, items.tags, 1);
  const growing = here.slice();
  bench.add(`${FRAMES} items into a sketch: ${kernel.kind}`, () =>
    kernel.addToSketch(growing, 0, items.counters, items.tags, 1),
  );
  for (const differences of [0, 100, 600]) {
    const there = here.slice();
    const more = recordsOf(Array.from({ length: differences }, (_, i) => 1_000_000 + i));
    kernel.addToSketch(there, 0, more.counters, more.tags, 1);
    bench.add(`subtract and peel, d=${differences}: ${kernel.kind}`, () => {
      const cells = here.slice();
      kernel.subtractSketch(cells, there);
      kernel.peelSketch(cells, new Uint8Array(cells.length), new Uint32Array(PROGRESS_LENGTH));
    });
  }
}

function addLarge(kernel: DigestKernel): void {
  const tags = new Uint8Array(RECORDS * TAG_BYTES).fill(5);
  const rowOf = Uint32Array.from({ length: RECORDS }, (_, i) => Math.floor(i / SEGMENT));
  const rows = new Uint8Array(SEGMENTS * ROW_BYTES);
  bench.add(`rows of ${RECORDS} records from tags: ${kernel.kind}`, () =>
    kernel.addTags(rows, rowOf, tags, 1),
  );

  const indexed = new Uint8Array(SEGMENTS * INDEXED_ROW_BYTES);
  const view = new DataView(indexed.buffer);
  for (let i = 0; i < SEGMENTS; i++) view.setBigUint64(i * INDEXED_ROW_BYTES, BigInt(i), true);
  bench.add(`Merkle view of ${RECORDS} records, depth ${DEPTH}: ${kernel.kind}`, () => {
    const leaves = new Uint8Array(2 ** DEPTH * ROW_BYTES);
    kernel.foldRows(indexed, SEGMENTS / 1000, leaves);
    kernel.merkleTree(KEY, leaves, DEPTH, new Uint8Array((2 ** (DEPTH + 1) - 1) * 32));
  });
}
