// Writes the seeds of the fuzz targets, crates/merkle/fuzz/corpus, from the vectors: each target's file says how its input
// is laid out. A fuzzer that starts from messages that are right gets further than one that must guess them.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const crate = new URL('../crates/merkle/', import.meta.url);
const vectorsOf = (call) => JSON.parse(readFileSync(new URL(`vectors/${call}.json`, crate), 'utf8'));
const bytesOf = (text) =>
  typeof text === 'string'
    ? Buffer.from(text, 'hex')
    : Buffer.from(Uint8Array.from({ length: text.pattern }, (_, i) => i % 251));
const INPUT_BYTES_MAX = 4096;
const CELL_BYTES = 24;

const decodeSymbols = vectorsOf('decodeSymbols').map(({ first, room, message }) =>
  Buffer.concat([
    Buffer.from([first & 255, (first >> 8) & 255, (first >> 16) & 255, room]),
    bytesOf(message),
  ]),
);

/** Raw bytes over the first cells, and items that are added on either side. */
const peelSketch = [
  ...vectorsOf('peelSketch').map(({ cells }) => {
    const bytes = bytesOf(cells);
    const laid = Array.from({ length: Math.min(46, Math.floor(bytes.length / CELL_BYTES)) }, (_, symbol) =>
      Buffer.concat([
        Buffer.from([symbol < 2 ? symbol + 48 : symbol]),
        bytes.subarray(symbol * CELL_BYTES, (symbol + 1) * CELL_BYTES),
      ]),
    );
    return Buffer.concat([Buffer.from([7]), ...laid]);
  }),
  ...[1, 3, 10, 25].map((items) =>
    Buffer.concat([
      Buffer.from([items]),
      ...Array.from({ length: items }, (_, i) =>
        Buffer.concat([Buffer.from([i % 2, i]), createHash('sha256').update(`${i}`).digest().subarray(0, 8)]),
      ),
    ]),
  ),
];

const rows = vectorsOf('diffRows').map(({ left, right, capacity }) => {
  const lists = [bytesOf(left), bytesOf(right)];
  const header = Buffer.from([4, capacity, lists[0].length & 255, lists[0].length >> 8]);
  return Buffer.concat([header, ...lists]);
});

const trees = [
  ...vectorsOf('diffTrees')
    .filter(({ depth }) => depth <= 4)
    .map(({ depth, left, right }) =>
      Buffer.concat([Buffer.from([depth, 1, 16]), bytesOf(left), bytesOf(right)]),
    ),
  ...vectorsOf('verifyPath').map(({ leaf, path }) =>
    Buffer.concat([Buffer.from([3, leaf, 8]), bytesOf(path)]),
  ),
];

const targets = { decode_symbols: decodeSymbols, peel_sketch: peelSketch, rows, trees };
for (const [target, inputs] of Object.entries(targets)) {
  const folder = new URL(`fuzz/corpus/${target}/`, crate);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const small = inputs.filter((input) => input.length <= INPUT_BYTES_MAX);
  for (const input of small) {
    const name = createHash('sha256').update(input).digest('hex').slice(0, 16);
    writeFileSync(fileURLToPath(new URL(name, folder)), input);
  }
  console.log(`${target}: ${small.length} seeds`);
}
