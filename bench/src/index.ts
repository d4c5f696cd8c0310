/** Benchmarks of the pieces: `npm run build && node bench/dist/index.js`. */
import { encodePacked, packItems, TAG_BYTES } from '@mendlog/core';
import { loadKernel } from '@mendlog/merkle';
import { Bench } from 'tinybench';

const FRAMES = 1024;
const FRAME_BYTES = 256;

const kernel = loadKernel();
const key = kernel.deriveKey('mendlog bench', new Uint8Array(32));
const group = packItems(
  'bench',
  Array.from({ length: FRAMES }, (_, i) => new Uint8Array(FRAME_BYTES).fill(i)),
);
const tags = new Uint8Array(FRAMES * TAG_BYTES);

const bench = new Bench({ time: 1000 });
bench.add(`tags of ${FRAMES} x ${FRAME_BYTES} B (${kernel.kind})`, () =>
  kernel.tags(key, group.bytes, group.ends, tags),
);
bench.add(`encode a packed group of ${FRAMES} x ${FRAME_BYTES} B`, () => encodePacked([group]));
await bench.run();
console.table(bench.table());
