// Writes the vectors that every digest kernel must pass: crates/merkle/vectors/*.json.
//
// The cases are here, the answers come from the oracle in packages/core (run
// the TypeScript build first). A case that must be refused says so here, and
// the script fails where the oracle does not agree.
//
// In the files bytes are hex, or { "pattern": n }: n bytes, byte i being i mod 251.

import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { createOracleKernel } from '../packages/core/dist/digest/oracle.js';

const blake3 = createRequire(import.meta.url)('blake3-wasm');
const oracle = createOracleKernel({
  deriveKey: (context, material) => blake3.deriveKey(context, material),
  keyedHash: (key, bytes) => blake3.keyedHash(Buffer.from(key), bytes),
});

const hex = (bytes) => Buffer.from(bytes).toString('hex');
const pattern = (length) => ({ pattern: length });
const bytesOf = (text) =>
  typeof text === 'string'
    ? Buffer.from(text, 'hex')
    : Uint8Array.from({ length: text.pattern }, (_, i) => i % 251);
const concat = (texts) => Buffer.concat(texts.map(bytesOf));

const words = (...values) => {
  const bytes = Buffer.alloc(values.length * 8);
  for (const [i, value] of values.entries()) bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)), i * 8);
  return hex(bytes);
};
const row = (lane0, lane1, count) => words(lane0, lane1, count);
const tag = (lane0, lane1) => words(lane0, lane1);
const indexed = (index, ...lanes) => words(index, ...(lanes.length === 0 ? [index, 1, 1] : lanes));
const zeros = (length) => '00'.repeat(length);

const MAX = 2n ** 64n - 1n;
const KEY = hex(Uint8Array.from({ length: 32 }, (_, i) => 200 + i));

/** The case with its answer, or with the name of its error where `error` is given. */
function answered(vector, call) {
  try {
    const answer = call();
    if (vector.error === undefined) return { ...vector, ...answer };
  } catch (thrown) {
    if (thrown.constructor.name === vector.error) return vector;
    throw thrown;
  }
  throw new Error(`${vector.name}: the oracle did not refuse it`);
}

const deriveKey = [
  { name: 'no material', context: 'mendlog 2026-11 test v1', material: '' },
  { name: 'short material', context: 'mendlog 2026-11 test v1', material: '00ff80' },
  { name: 'another context', context: 'mendlog 2026-11 test v2', material: '00ff80' },
  { name: 'a context beyond ASCII', context: 'mendlog ключ ✓', material: pattern(64) },
  { name: 'material longer than a chunk', context: 'mendlog 2026-11 test v1', material: pattern(1025) },
].map((vector) =>
  answered(vector, () => ({ key: hex(oracle.deriveKey(vector.context, bytesOf(vector.material))) })),
);

/** Where `ends` is left out, each part is a frame. */
const tags = [
  { name: 'no frames', frames: [] },
  { name: 'one empty frame', frames: [''] },
  { name: 'empty frames around others', frames: ['', '01', '', '02', ''] },
  ...[1, 63, 64, 65, 1023, 1024, 1025, 70_000].map((length) => ({
    name: `one frame of ${length} bytes`,
    frames: [pattern(length)],
  })),
  { name: 'frames of many lengths', frames: [0, 1, 63, 64, 65, 1023, 1024, 1025, 70_000].map(pattern) },
  {
    name: 'binary bytes',
    frames: ['00', 'ff', '00ff00ff', 'fffefdfc', '0000000000000000', 'c328a0a1e28ca1'],
  },
  { name: 'a key of zeros', key: zeros(32), frames: ['616263'] },
  { name: 'ends descend', frames: [pattern(8)], ends: [8, 4, 8], error: 'TypeError' },
  { name: 'the last end is short', frames: [pattern(8)], ends: [4, 7], error: 'TypeError' },
  { name: 'the last end is beyond the frames', frames: [pattern(8)], ends: [4, 9], error: 'TypeError' },
  { name: 'the largest end', frames: [pattern(8)], ends: [4_294_967_295], error: 'TypeError' },
  { name: 'frames without ends', frames: [pattern(8)], ends: [], error: 'TypeError' },
  { name: 'a short key', key: zeros(31), frames: ['00'], error: 'TypeError' },
  { name: 'a long key', key: zeros(33), frames: ['00'], error: 'TypeError' },
  { name: 'a short output', frames: ['00', '01'], tagsOutLength: 31, error: 'TypeError' },
  { name: 'a long output', frames: ['00'], tagsOutLength: 32, error: 'TypeError' },
].map((given) => {
  let end = 0;
  const ends = given.ends ?? given.frames.map((frame) => (end += bytesOf(frame).length));
  const vector = { name: given.name, key: KEY, tagsOutLength: ends.length * 16, ...given, ends };
  return answered(vector, () => {
    const tagsOut = new Uint8Array(vector.tagsOutLength);
    oracle.tags(bytesOf(vector.key), concat(vector.frames), Uint32Array.from(ends), tagsOut);
    return { tagsOut: hex(tagsOut) };
  });
});

const addTags = [
  { name: 'no tags', rows: [row(1, 2, 3)], rowOf: [], tags: [], sign: 1 },
  { name: 'no rows', rows: [], rowOf: [], tags: [], sign: 1 },
  { name: 'add one', rows: [row(0, 0, 0)], rowOf: [0], tags: [tag(5, 6)], sign: 1 },
  {
    name: 'add to several rows, out of order',
    rows: [row(0, 0, 0), row(7, 8, 1), row(9, 10, 2)],
    rowOf: [2, 0, 2, 2],
    tags: [tag(1, 2), tag(3, 4), tag(5, 6), tag(7, 8)],
    sign: 1,
  },
  {
    name: 'add: both sums wrap',
    rows: [row(MAX, MAX, 1)],
    rowOf: [0, 0],
    tags: [tag(1, MAX), tag(MAX, 3)],
    sign: 1,
  },
  {
    name: 'add: the lanes carry nothing over',
    rows: [row(MAX, 0, 0)],
    rowOf: [0],
    tags: [tag(1, 0)],
    sign: 1,
  },
  { name: 'add: the count wraps', rows: [row(0, 0, MAX)], rowOf: [0], tags: [tag(1, 1)], sign: 1 },
  { name: 'remove one', rows: [row(9, 9, 3)], rowOf: [0], tags: [tag(4, 5)], sign: -1 },
  {
    name: 'remove: the sums wrap',
    rows: [row(0, 1, 2)],
    rowOf: [0, 0],
    tags: [tag(1, 1), tag(MAX, 1)],
    sign: -1,
  },
  { name: 'remove the last', rows: [row(4, 5, 1)], rowOf: [0], tags: [tag(4, 5)], sign: -1 },
  {
    name: 'remove from an empty row',
    rows: [row(0, 0, 0)],
    rowOf: [0],
    tags: [tag(1, 1)],
    sign: -1,
    error: 'RangeError',
  },
  {
    name: 'remove one more than a row holds, after others',
    rows: [row(9, 9, 5), row(9, 9, 1)],
    rowOf: [0, 1, 0, 1],
    tags: [tag(1, 1), tag(2, 2), tag(3, 3), tag(4, 4)],
    sign: -1,
    error: 'RangeError',
  },
  {
    name: 'a row that is not there',
    rows: [row(0, 0, 0)],
    rowOf: [0, 1],
    tags: [tag(1, 1), tag(1, 1)],
    sign: 1,
    error: 'TypeError',
  },
  {
    name: 'the largest row number',
    rows: [row(0, 0, 0)],
    rowOf: [4_294_967_295],
    tags: [tag(1, 1)],
    sign: 1,
    error: 'TypeError',
  },
  { name: 'a tag into no rows', rows: [], rowOf: [0], tags: [tag(1, 1)], sign: 1, error: 'TypeError' },
  {
    name: 'too few tags',
    rows: [row(0, 0, 0)],
    rowOf: [0, 0],
    tags: [tag(1, 1)],
    sign: 1,
    error: 'TypeError',
  },
  {
    name: 'a truncated tag',
    rows: [row(0, 0, 0)],
    rowOf: [0],
    tags: [zeros(15)],
    sign: 1,
    error: 'TypeError',
  },
  { name: 'a truncated row', rows: [zeros(23)], rowOf: [], tags: [], sign: 1, error: 'TypeError' },
  { name: 'a sign of 0', rows: [row(0, 0, 0)], rowOf: [0], tags: [tag(1, 1)], sign: 0, error: 'TypeError' },
].map(({ rows, tags, ...rest }) => {
  const vector = { ...rest, rows: rows.join(''), tags: tags.join('') };
  return answered(vector, () => {
    const changed = Uint8Array.from(bytesOf(vector.rows));
    oracle.addTags(changed, Uint32Array.from(vector.rowOf), bytesOf(vector.tags), vector.sign);
    return { rowsOut: hex(changed) };
  });
});

const sumRows = [
  { name: 'no rows', rows: '' },
  { name: 'one row', rows: row(1, 2, 3) },
  { name: 'sums that wrap', rows: row(MAX, MAX, 2) + row(2, MAX, 3) + row(5, 2, 4) },
  { name: 'a count that wraps', rows: row(0, 0, MAX) + row(0, 0, 2) },
  { name: 'many rows of any bytes', rows: pattern(24 * 251) },
  { name: 'a truncated row', rows: row(1, 2, 3).slice(2), error: 'TypeError' },
  { name: 'a short output', rows: row(1, 2, 3), rowOutLength: 23, error: 'TypeError' },
  { name: 'a long output', rows: row(1, 2, 3), rowOutLength: 25, error: 'TypeError' },
].map((given) => {
  const vector = { name: given.name, rowOutLength: 24, ...given };
  return answered(vector, () => {
    const rowOut = new Uint8Array(vector.rowOutLength);
    oracle.sumRows(bytesOf(vector.rows), rowOut);
    return { rowOut: hex(rowOut) };
  });
});

const many = (count, step, offset = 0) => Array.from({ length: count }, (_, i) => indexed(i * step + offset));
const diffRows = [
  { name: 'both empty', left: [], right: [] },
  { name: 'equal', left: many(5, 3), right: many(5, 3) },
  { name: 'absent on the left', left: [], right: many(3, 7) },
  { name: 'absent on the right', left: many(3, 7), right: [] },
  {
    name: 'the first differs',
    left: [indexed(0, 1, 1, 1), indexed(4)],
    right: [indexed(0, 1, 1, 2), indexed(4)],
  },
  {
    name: 'the last differs',
    left: [indexed(0), indexed(4, 1, 1, 1)],
    right: [indexed(0), indexed(4, 1, 2, 1)],
  },
  { name: 'only lane 0 differs', left: [indexed(2, 1, 1, 1)], right: [indexed(2, 2, 1, 1)] },
  { name: 'absent on either side, in turn', left: many(6, 2), right: many(6, 2, 1) },
  { name: 'the right goes on', left: many(2, 1), right: many(9, 1) },
  { name: 'an empty row equals an absent one', left: [indexed(1, 0, 0, 0), indexed(2)], right: [indexed(2)] },
  {
    name: 'empty rows on both sides',
    left: [indexed(1, 0, 0, 0)],
    right: [indexed(1, 0, 0, 0), indexed(9, 0, 0, 0)],
  },
  { name: 'the largest index', left: [indexed(2n ** 53n - 1n)], right: [] },
  { name: 'an output that is just long enough', left: many(4, 2), right: [], capacity: 4 },
  { name: 'an output that is too short', left: many(4, 2), right: many(4, 2, 1), capacity: 3 },
  { name: 'an output of length 0', left: many(4, 2), right: [], capacity: 0 },
  { name: 'left truncated', left: [zeros(31)], right: [], error: 'TypeError' },
  { name: 'right truncated', left: many(2, 1), right: [indexed(0), zeros(8)], error: 'TypeError' },
  { name: 'left not sorted', left: [indexed(2), indexed(1)], right: [], error: 'TypeError' },
  { name: 'right not sorted, at its end', left: [], right: [...many(4, 2), indexed(5)], error: 'TypeError' },
  { name: 'an index twice', left: [indexed(2), indexed(2)], right: [], error: 'TypeError' },
  { name: 'an index above 2^53 - 1', left: [indexed(2n ** 53n)], right: [], error: 'TypeError' },
  { name: 'the index 2^64 - 1', left: [], right: [indexed(0), indexed(MAX)], error: 'TypeError' },
  {
    name: 'hostile behind a short output',
    left: many(2, 1),
    right: [indexed(9), indexed(9)],
    capacity: 1,
    error: 'TypeError',
  },
].map(({ left, right, capacity = 16, ...rest }) => {
  const vector = { ...rest, left: left.join(''), right: right.join(''), capacity };
  return answered(vector, () => {
    const indexesOut = new Float64Array(capacity);
    const found = oracle.diffRows(bytesOf(vector.left), bytesOf(vector.right), indexesOut);
    return { indexes: [...indexesOut.subarray(0, found)] };
  });
});

/** All nodes of a small tree; of every tree its root and, for brevity, the tag of all nodes. */
const NODES_DEPTH_MAX = 3;
const merkleTree = [
  { name: 'depth 0', depth: 0, leafRows: row(1, 2, 3) },
  { name: 'depth 0, an empty row', depth: 0, leafRows: zeros(24) },
  { name: 'depth 1', depth: 1, leafRows: row(1, 2, 3) + row(4, 5, 6) },
  { name: 'depth 1, leaves exchanged', depth: 1, leafRows: row(4, 5, 6) + row(1, 2, 3) },
  { name: 'depth 3', depth: 3, leafRows: pattern(8 * 24) },
  { name: 'depth 3, empty rows', depth: 3, leafRows: zeros(8 * 24) },
  { name: 'depth 10', depth: 10, leafRows: pattern(1024 * 24) },
  { name: 'a key of zeros', key: zeros(32), depth: 1, leafRows: pattern(48) },
  { name: 'a short key', key: zeros(31), depth: 1, leafRows: pattern(48), error: 'TypeError' },
  { name: 'too few leaves', depth: 2, leafRows: pattern(3 * 24), error: 'TypeError' },
  { name: 'too many leaves', depth: 1, leafRows: pattern(3 * 24), error: 'TypeError' },
  { name: 'a truncated leaf', depth: 1, leafRows: pattern(47), error: 'TypeError' },
  { name: 'a short output', depth: 1, leafRows: pattern(48), nodesOutLength: 95, error: 'TypeError' },
  {
    name: 'an output of one level less',
    depth: 1,
    leafRows: pattern(48),
    nodesOutLength: 32,
    error: 'TypeError',
  },
  { name: 'depth 21', depth: 21, leafRows: pattern(48), nodesOutLength: 96, error: 'TypeError' },
  { name: 'depth 32', depth: 32, leafRows: pattern(24), nodesOutLength: 32, error: 'TypeError' },
  {
    name: 'depth 2^32 - 1',
    depth: 4_294_967_295,
    leafRows: pattern(24),
    nodesOutLength: 32,
    error: 'TypeError',
  },
].map((given) => {
  const vector = { name: given.name, key: KEY, nodesOutLength: (2 ** (given.depth + 1) - 1) * 32, ...given };
  return answered(vector, () => {
    const nodesOut = new Uint8Array(vector.nodesOutLength);
    oracle.merkleTree(bytesOf(vector.key), bytesOf(vector.leafRows), vector.depth, nodesOut);
    const nodesTag = new Uint8Array(16);
    oracle.tags(bytesOf(vector.key), nodesOut, Uint32Array.of(nodesOut.length), nodesTag);
    const small = vector.depth <= NODES_DEPTH_MAX ? { nodes: hex(nodesOut) } : {};
    return { root: hex(nodesOut.subarray(0, 32)), nodesTag: hex(nodesTag), ...small };
  });
});

for (const [call, vectors] of Object.entries({ deriveKey, tags, addTags, sumRows, diffRows, merkleTree })) {
  const lines = vectors.map((vector) => `  ${JSON.stringify(vector)}`);
  const path = fileURLToPath(new URL(`../crates/merkle/vectors/${call}.json`, import.meta.url));
  writeFileSync(path, `[\n${lines.join(',\n')}\n]\n`);
  console.log(`${call}: ${vectors.length} vectors`);
}
