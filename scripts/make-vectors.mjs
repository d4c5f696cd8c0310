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

const groupKey = (group) => hex(Uint8Array.from({ length: 32 }, (_, i) => (200 + 3 * group + i) % 256));

/** The groups are lists of frames; where `groupEnds` or `ends` is left out, it is what they give. */
const groupTags = [
  { name: 'no groups', groups: [] },
  { name: 'one group', groups: [['00', 'ff01', '']] },
  { name: 'groups of one frame', groups: [['00'], ['0102'], ['030405'], ['06070809']] },
  { name: 'groups of several frames', groups: [['00', '01', '02'], ['03'], ['04', '05']] },
  { name: 'one frame in all groups', groups: [['616263'], ['616263'], ['616263']] },
  { name: 'one key for two groups', keys: [KEY, groupKey(1), KEY], groups: [['61'], ['61'], ['61']] },
  { name: 'empty groups only', groups: [[], [], []] },
  { name: 'empty groups around others', groups: [[], ['61'], [], [], ['61', '62'], []] },
  { name: 'empty frames around groups', groups: [['', '61', ''], ['', '61', ''], ['']] },
  {
    name: 'frames of many lengths',
    groups: [[0, 1, 63], [64, 65], [1023], [1024, 1025, 70_000]].map((lengths) => lengths.map(pattern)),
  },
  { name: 'many groups', groups: Array.from({ length: 100 }, (_, i) => (i % 3 === 0 ? [] : [pattern(i)])) },
  { name: 'frames without groups', groups: [], ends: [0], error: 'TypeError' },
  { name: 'groupEnds descend', groups: [['00'], ['01'], []], groupEnds: [2, 1, 2], error: 'TypeError' },
  { name: 'the last frame is in no group', groups: [['00'], ['01']], groupEnds: [0, 1], error: 'TypeError' },
  { name: 'a frame more in the groups', groups: [['00'], ['01']], groupEnds: [1, 3], error: 'TypeError' },
  {
    name: 'the largest end of a group',
    groups: [['00'], ['01']],
    groupEnds: [1, 4_294_967_295],
    error: 'TypeError',
  },
  { name: 'a group without frames to it', groups: [[]], groupEnds: [1], error: 'TypeError' },
  {
    name: 'a key short of a byte',
    keys: [groupKey(0), zeros(31)],
    groups: [['00'], ['01']],
    error: 'TypeError',
  },
  { name: 'a key too few', keys: [groupKey(0)], groups: [['00'], ['01']], error: 'TypeError' },
  { name: 'a key too many', keys: [groupKey(0), groupKey(1)], groups: [['00']], error: 'TypeError' },
  { name: 'a key without groups', keys: [groupKey(0)], groups: [], error: 'TypeError' },
  { name: 'ends descend', groups: [[pattern(4)], [pattern(4)]], ends: [8, 4], error: 'TypeError' },
  { name: 'the last end is short', groups: [[pattern(4)], [pattern(4)]], ends: [4, 7], error: 'TypeError' },
  {
    name: 'the last end is beyond the frames',
    groups: [[pattern(4)], [pattern(4)]],
    ends: [4, 9],
    error: 'TypeError',
  },
  { name: 'a short output', groups: [['00'], ['01']], tagsOutLength: 31, error: 'TypeError' },
  { name: 'a long output', groups: [['00'], ['01']], tagsOutLength: 33, error: 'TypeError' },
].map(({ groups, ...given }) => {
  const frames = groups.flat();
  let [groupEnd, end] = [0, 0];
  const groupEnds = given.groupEnds ?? groups.map((group) => (groupEnd += group.length));
  const ends = given.ends ?? frames.map((frame) => (end += bytesOf(frame).length));
  const vector = {
    keys: groups.map((_, group) => groupKey(group)),
    tagsOutLength: ends.length * 16,
    ...given,
    groupEnds,
    frames,
    ends,
  };
  return answered(vector, () => {
    const tagsOut = new Uint8Array(vector.tagsOutLength);
    oracle.groupTags(
      concat(vector.keys),
      Uint32Array.from(groupEnds),
      concat(frames),
      Uint32Array.from(ends),
      tagsOut,
    );
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

const foldRows = [
  { name: 'no rows', indexedRows: [], span: 4, rows: row(1, 2, 3) },
  { name: 'into no rows', indexedRows: [], span: 4, rows: '' },
  { name: 'one to one', indexedRows: many(3, 1), span: 1, rows: zeros(3 * 24) },
  { name: 'gaps and full rows', indexedRows: many(20, 3), span: 4, rows: zeros(15 * 24) },
  { name: 'on top of what is there', indexedRows: many(4, 1), span: 2, rows: row(1, 2, 3) + row(4, 5, 6) },
  { name: 'all sums wrap', indexedRows: [indexed(1, MAX, 2, MAX)], span: 2, rows: row(2, MAX, 1) },
  { name: 'a span beyond 32 bits', indexedRows: [indexed(2n ** 40n)], span: 2 ** 40, rows: zeros(48) },
  { name: 'the largest span', indexedRows: [indexed(2n ** 53n - 2n)], span: 2 ** 53 - 1, rows: zeros(24) },
  { name: 'an index beyond the rows', indexedRows: many(4, 2), span: 2, rows: zeros(72), error: 'TypeError' },
  {
    name: 'the largest index',
    indexedRows: [indexed(2n ** 53n - 1n)],
    span: 1,
    rows: zeros(24),
    error: 'TypeError',
  },
  { name: 'a span of 0', indexedRows: many(2, 1), span: 0, rows: zeros(24), error: 'TypeError' },
  { name: 'not sorted', indexedRows: [indexed(1), indexed(0)], span: 4, rows: zeros(24), error: 'TypeError' },
  { name: 'a truncated indexed row', indexedRows: [zeros(31)], span: 4, rows: zeros(24), error: 'TypeError' },
  { name: 'a truncated row', indexedRows: [], span: 4, rows: zeros(23), error: 'TypeError' },
].map((given) => {
  const vector = { ...given, indexedRows: given.indexedRows.join('') };
  return answered(vector, () => {
    const rows = Uint8Array.from(bytesOf(vector.rows));
    oracle.foldRows(bytesOf(vector.indexedRows), vector.span, rows);
    return { rowsOut: hex(rows) };
  });
});

/** The nodes of a tree over rows that count up, of which those of some leaves are changed. */
const treeOf = (depth, ...changedLeaves) => {
  const rows = Uint8Array.from({ length: 2 ** depth * 24 }, (_, i) => i % 251);
  for (const leaf of changedLeaves) rows[leaf * 24] ^= 1;
  const nodes = new Uint8Array((2 ** (depth + 1) - 1) * 32);
  oracle.merkleTree(bytesOf(KEY), rows, depth, nodes);
  return hex(nodes);
};
const diffTrees = [
  { name: 'equal', depth: 3, left: treeOf(3), right: treeOf(3) },
  { name: 'depth 0, equal', depth: 0, left: treeOf(0), right: treeOf(0) },
  { name: 'depth 0, different', depth: 0, left: treeOf(0), right: treeOf(0, 0) },
  { name: 'the first leaf', depth: 3, left: treeOf(3, 0), right: treeOf(3) },
  { name: 'the last leaf', depth: 3, left: treeOf(3), right: treeOf(3, 7) },
  { name: 'leaves on both sides', depth: 4, left: treeOf(4, 1, 2, 9), right: treeOf(4, 2, 3, 15) },
  { name: 'all leaves', depth: 2, left: treeOf(2), right: treeOf(2, 0, 1, 2, 3) },
  { name: 'an output that is too short', depth: 3, left: treeOf(3, 1, 4, 6), right: treeOf(3), capacity: 2 },
  { name: 'an output of length 0', depth: 3, left: treeOf(3, 1), right: treeOf(3), capacity: 0 },
  { name: 'inner nodes alone', depth: 2, left: 'ff'.repeat(96) + treeOf(2).slice(192), right: treeOf(2) },
  { name: 'leaves alone', depth: 1, left: treeOf(1).slice(0, 64) + zeros(64), right: treeOf(1) },
  { name: 'a truncated tree', depth: 2, left: treeOf(2), right: treeOf(2).slice(2), error: 'TypeError' },
  { name: 'a tree of another depth', depth: 2, left: treeOf(1), right: treeOf(2), error: 'TypeError' },
  { name: 'depth 21', depth: 21, left: '', right: '', error: 'TypeError' },
].map((given) => {
  const vector = { capacity: 16, ...given };
  return answered(vector, () => {
    const out = new Uint32Array(vector.capacity);
    const found = oracle.diffTrees(bytesOf(vector.left), bytesOf(vector.right), vector.depth, out);
    return { leaves: [...out.subarray(0, found)] };
  });
});

const merklePath = [
  { name: 'depth 0', nodes: treeOf(0), depth: 0, leaf: 0 },
  { name: 'the first leaf', nodes: treeOf(3), depth: 3, leaf: 0 },
  { name: 'a leaf in the middle', nodes: treeOf(3), depth: 3, leaf: 5 },
  { name: 'the last leaf', nodes: treeOf(3), depth: 3, leaf: 7 },
  { name: 'a leaf beyond the last', nodes: treeOf(3), depth: 3, leaf: 8, error: 'TypeError' },
  { name: 'the largest leaf number', nodes: treeOf(3), depth: 3, leaf: 2 ** 32 - 1, error: 'TypeError' },
  { name: 'nodes of another depth', nodes: treeOf(2), depth: 3, leaf: 0, error: 'TypeError' },
  { name: 'a short output', nodes: treeOf(1), depth: 1, leaf: 0, pathOutLength: 31, error: 'TypeError' },
  { name: 'depth 21', nodes: treeOf(1), depth: 21, leaf: 0, error: 'TypeError' },
].map((given) => {
  const vector = { pathOutLength: given.depth * 32, ...given };
  return answered(vector, () => {
    const out = new Uint8Array(vector.pathOutLength);
    oracle.merklePath(bytesOf(vector.nodes), vector.depth, vector.leaf, out);
    return { path: hex(out) };
  });
});

const leafRow = (leaf) => hex(Uint8Array.from({ length: 24 }, (_, i) => (leaf * 24 + i) % 251));
const pathOf = (depth, leaf) => {
  const out = new Uint8Array(depth * 32);
  oracle.merklePath(bytesOf(treeOf(depth)), depth, leaf, out);
  return hex(out);
};
const rootOf = (depth) => treeOf(depth).slice(0, 64);
const leafFive = { leafRow: leafRow(5), leaf: 5, path: pathOf(3, 5), root: rootOf(3) };
const verifyPath = [
  { name: 'depth 0', leafRow: leafRow(0), leaf: 0, path: '', root: rootOf(0) },
  { name: 'depth 3', ...leafFive },
  { name: 'the first leaf', leafRow: leafRow(0), leaf: 0, path: pathOf(3, 0), root: rootOf(3) },
  { name: 'the last leaf', leafRow: leafRow(7), leaf: 7, path: pathOf(3, 7), root: rootOf(3) },
  { name: 'another leaf', ...leafFive, leaf: 4 },
  { name: 'another row', ...leafFive, leafRow: leafRow(4) },
  { name: 'another root', ...leafFive, root: rootOf(2) },
  { name: 'another key', ...leafFive, key: zeros(32) },
  { name: 'a path with one bit changed', ...leafFive, path: `fe${leafFive.path.slice(2)}` },
  { name: 'a shorter path', ...leafFive, leaf: 1, path: leafFive.path.slice(0, 128) },
  { name: 'a leaf beyond the path', ...leafFive, leaf: 8, error: 'TypeError' },
  { name: 'a truncated path', ...leafFive, path: leafFive.path.slice(2), error: 'TypeError' },
  { name: 'a path of 21 nodes', ...leafFive, path: zeros(21 * 32), error: 'TypeError' },
  { name: 'a truncated row', ...leafFive, leafRow: zeros(23), error: 'TypeError' },
  { name: 'a truncated root', ...leafFive, root: zeros(31), error: 'TypeError' },
  { name: 'a short key', ...leafFive, key: zeros(31), error: 'TypeError' },
].map((given) => {
  const vector = { key: KEY, ...given };
  return answered(vector, () => ({
    belongs: oracle.verifyPath(
      bytesOf(vector.key),
      bytesOf(vector.leafRow),
      vector.leaf,
      bytesOf(vector.path),
      bytesOf(vector.root),
    ),
  }));
});

const SYMBOLS_MAX = 2 ** 20;
const COUNTER_MAX = 2 ** 53 - 1;
const cell = (counters, tags, checks, count) => {
  const bytes = Buffer.alloc(24);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(counters) << 8n), 0);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(tags)), 8);
  bytes.writeInt32LE(count, 16);
  bytes.writeUInt32LE(checks >>> 0, 20);
  return hex(bytes);
};

/** Items `from`, `from` + 1, ...: item i has counter 1,000 i, and the tag of its number. */
const items = (count, from = 0) => {
  const counters = Array.from({ length: count }, (_, i) => (from + i) * 1000);
  const tags = counters.map((counter) => {
    const out = new Uint8Array(16);
    oracle.tags(bytesOf(KEY), Buffer.from(String(counter)), Uint32Array.of(String(counter).length), out);
    return hex(out);
  });
  return { counters, tags };
};
const together = (...lists) => ({
  counters: lists.flatMap((list) => list.counters),
  tags: lists.flatMap((list) => list.tags),
});

/** The cells of a sketch over the items given, after those that are removed. */
const sketchOf = (symbols, added, removed = items(0), first = 0) => {
  const cells = new Uint8Array(symbols * 24);
  for (const [{ counters, tags }, sign] of [
    [added, 1],
    [removed, -1],
  ]) {
    oracle.addToSketch(cells, first, Float64Array.from(counters), bytesOf(tags.join('')), sign);
  }
  return hex(cells);
};

const extremes = { counters: [0, COUNTER_MAX, 1], tags: [zeros(16), 'ff'.repeat(16), pattern16()] };
function pattern16() {
  return hex(bytesOf(pattern(16)));
}

const addToSketch = [
  { name: 'no items', cells: cell(1, 2, 3, 4), items: items(0) },
  { name: 'no cells', cells: '', items: items(3) },
  { name: 'one item', symbols: 64, items: items(1) },
  { name: 'extreme counters and tags', symbols: 16, items: extremes },
  { name: 'extremes removed', symbols: 16, items: extremes, sign: -1 },
  { name: 'many items', symbols: 128, items: items(200) },
  {
    name: 'many items removed from a full sketch',
    cells: sketchOf(32, items(60)),
    items: items(25, 10),
    sign: -1,
  },
  { name: 'later symbols', symbols: 32, first: 1024, items: items(100) },
  { name: 'the last symbols of all', symbols: 8, first: SYMBOLS_MAX - 8, items: items(2000) },
  { name: 'an item twice', symbols: 8, items: together(items(1), items(1)) },
  { name: 'sums that wrap', cells: cell(-1, -1, -1, 2 ** 31 - 1), items: items(1) },
  {
    name: 'a top byte of the counters is dropped where an item lands',
    cells: 'ff'.repeat(24),
    items: items(1),
  },
  {
    name: 'a negative counter',
    symbols: 1,
    items: { counters: [-1], tags: [zeros(16)] },
    error: 'TypeError',
  },
  { name: 'half a counter', symbols: 1, items: { counters: [0.5], tags: [zeros(16)] }, error: 'TypeError' },
  {
    name: 'a counter of 2^53',
    symbols: 1,
    items: { counters: [2 ** 53], tags: [zeros(16)] },
    error: 'TypeError',
  },
  {
    name: 'a bad counter after a good one',
    symbols: 1,
    items: { counters: [1, 1e300], tags: [zeros(16), zeros(16)] },
    error: 'TypeError',
  },
  { name: 'a truncated tag', symbols: 1, items: { counters: [1], tags: [zeros(15)] }, error: 'TypeError' },
  { name: 'too many tags', symbols: 1, items: { counters: [1], tags: [zeros(32)] }, error: 'TypeError' },
  { name: 'a truncated cell', cells: zeros(23), items: items(0), error: 'TypeError' },
  { name: 'a sign of 0', symbols: 1, items: items(1), sign: 0, error: 'TypeError' },
  { name: 'beyond the last symbol', symbols: 2, first: SYMBOLS_MAX - 1, items: items(1), error: 'TypeError' },
  { name: 'the largest first symbol', symbols: 1, first: 2 ** 32 - 1, items: items(1), error: 'TypeError' },
].map(({ items: { counters, tags }, symbols, ...given }) => {
  const cells = given.cells ?? zeros(symbols * 24);
  const vector = { first: 0, sign: 1, ...given, cells, counters, tags: tags.join('') };
  return answered(vector, () => {
    const changed = Uint8Array.from(bytesOf(cells));
    oracle.addToSketch(changed, vector.first, Float64Array.from(counters), bytesOf(vector.tags), vector.sign);
    return { cellsOut: hex(changed) };
  });
});

const subtractSketch = [
  { name: 'no cells', cells: '', other: '' },
  { name: 'equal', cells: sketchOf(8, items(20)), other: sketchOf(8, items(20)) },
  { name: 'some items more', cells: sketchOf(16, items(23)), other: sketchOf(16, items(20)) },
  { name: 'everything wraps', cells: cell(0, 0, 0, -(2 ** 31)), other: cell(-1, -1, -1, 2 ** 31 - 1) },
  { name: 'other is shorter', cells: zeros(48), other: zeros(24), error: 'TypeError' },
  { name: 'truncated cells', cells: zeros(47), other: zeros(47), error: 'TypeError' },
].map((vector) =>
  answered(vector, () => {
    const changed = Uint8Array.from(bytesOf(vector.cells));
    oracle.subtractSketch(changed, bytesOf(vector.other));
    return { cellsOut: hex(changed) };
  }),
);

/** The item alone, as peeling writes it. */
const itemCell = (item, sign = 1) => (sign === 1 ? sketchOf(1, item) : sketchOf(1, items(0), item));
const progressed = (...numbers) => numbers;
const partly = (() => {
  // What is left of 40 symbols after the first 20 were peeled; then the others are appended.
  const all = sketchOf(60, items(20), items(10, 100));
  const cells = Buffer.from(all.slice(0, 20 * 48), 'hex');
  const found = new Uint8Array(cells.length);
  const progress = new Uint32Array(3);
  oracle.peelSketch(cells, found, progress);
  return {
    cells: hex(cells) + all.slice(20 * 48),
    items: hex(found) + zeros(40 * 24),
    progress: [...progress],
  };
})();
const peelSketch = [
  { name: 'no symbols', cells: '' },
  { name: 'nothing differs', cells: zeros(4 * 24) },
  { name: 'one item, one symbol', cells: itemCell(items(1)) },
  { name: 'one item of the right side', cells: itemCell(items(1), -1) },
  { name: 'extreme items', cells: sketchOf(16, extremes) },
  { name: 'both sides', cells: sketchOf(64, items(12), items(15, 50)) },
  { name: 'many of both sides', cells: sketchOf(400, items(100), items(150, 500)) },
  { name: 'too few symbols', cells: sketchOf(20, items(12), items(15, 50)) },
  { name: 'more symbols arrived', ...partly },
  {
    name: 'no more symbols arrived',
    cells: zeros(24),
    items: itemCell(items(1)),
    progress: progressed(1, 1, 0),
  },
  { name: 'an item twice on one side', cells: sketchOf(16, together(items(1), items(1), items(1, 9))) },
  { name: 'a count of 1 without an item', cells: cell(1, 2, 3, 1) + cell(0, 0, 0, -1) },
  { name: 'a counter above 2^53 - 1', cells: cell(2n ** 53n, 5, 7, 1) },
  { name: 'any bytes', cells: pattern(40 * 24) },
  {
    name: 'an item in one of its symbols only',
    cells: itemCell(items(1)) + zeros(63 * 24),
    error: 'RangeError',
  },
  {
    name: 'an item where it is not mapped to',
    cells: zeros(2 * 24) + itemCell(items(1, 7)),
    error: 'RangeError',
  },
  { name: 'items shorter than cells', cells: zeros(48), items: zeros(24), error: 'TypeError' },
  { name: 'a truncated cell', cells: zeros(23), error: 'TypeError' },
  { name: 'a progress of 2 numbers', cells: zeros(24), progress: progressed(0, 0), error: 'TypeError' },
  { name: 'more peeled than there are', cells: zeros(24), progress: progressed(2, 0, 0), error: 'TypeError' },
  { name: 'more found than there are', cells: zeros(24), progress: progressed(1, 2, 0), error: 'TypeError' },
  { name: 'an item found that is none', cells: zeros(24), progress: progressed(1, 1, 0), error: 'TypeError' },
].map((given) => {
  const vector = { items: zeros(bytesOf(given.cells).length), progress: [0, 0, 0], ...given };
  return answered(vector, () => {
    const cells = Uint8Array.from(bytesOf(vector.cells));
    const found = Uint8Array.from(bytesOf(vector.items));
    const progress = Uint32Array.from(vector.progress);
    oracle.peelSketch(cells, found, progress);
    return { cellsOut: hex(cells), itemsOut: hex(found), progressOut: [...progress] };
  });
});

const counts = (...list) => list.map((count, i) => cell(i, -i, i * 7, count)).join('');
const encodeSymbols = [
  { name: 'no symbols', cells: '' },
  { name: 'an empty sketch', cells: zeros(10 * 24) },
  { name: 'a sketch', cells: sketchOf(100, items(300)) },
  { name: 'later symbols', first: 1024, cells: sketchOf(20, items(300), items(0), 1024) },
  { name: 'the last symbol of all', first: SYMBOLS_MAX - 1, cells: cell(1, 2, 3, 4) },
  { name: 'extreme counts', cells: counts(2 ** 31 - 1, -(2 ** 31), 0, -1, 2 ** 31 - 1, 5, -5, -4) },
  { name: 'extreme sums', cells: cell(-1, -1, -1, 0) },
  { name: 'a top byte of the counters is dropped', cells: 'ff'.repeat(24) },
  { name: 'a truncated cell', cells: zeros(25), messageOutLength: 31, error: 'TypeError' },
  { name: 'a short output', cells: zeros(24), messageOutLength: 30, error: 'TypeError' },
  { name: 'a long output', cells: zeros(24), messageOutLength: 32, error: 'TypeError' },
  { name: 'beyond the last symbol', first: SYMBOLS_MAX, cells: zeros(24), error: 'TypeError' },
].map((given) => {
  const messageOutLength = 7 + bytesOf(given.cells).length;
  const vector = { first: 0, messageOutLength, ...given };
  return answered(vector, () => {
    const out = new Uint8Array(vector.messageOutLength);
    const length = oracle.encodeSymbols(bytesOf(vector.cells), vector.first, out);
    return { message: hex(out.subarray(0, length)) };
  });
});

const good = encodeSymbols.filter((vector) => vector.error === undefined);
const sample = encodeSymbols.find(({ name }) => name === 'extreme counts').message;
const header = (...bytes) => hex(Uint8Array.from(bytes));
const decodeSymbols = [
  ...good.map(({ name, message, first, cells }) => ({
    name,
    message,
    first,
    room: bytesOf(cells).length / 24,
  })),
  { name: 'more room than symbols', message: sample, room: 9 },
  { name: 'less room than symbols', message: sample, room: 7, error: 'RangeError' },
  { name: 'nothing', message: '', error: 'RangeError' },
  { name: 'version 2', message: header(2, 0, 0), error: 'RangeError' },
  { name: 'another first symbol', message: header(1, 1, 0), error: 'RangeError' },
  { name: 'only a version', message: header(1), error: 'RangeError' },
  { name: 'a symbol that is cut', message: sample.slice(0, -2), error: 'RangeError' },
  {
    name: 'a symbol that is cut after its checks',
    message: header(1, 0, 1) + zeros(19),
    error: 'RangeError',
  },
  { name: 'a byte too many', message: `${sample}00`, error: 'RangeError' },
  { name: '2^32 - 1 symbols', message: header(1, 0, 255, 255, 255, 255, 15), error: 'RangeError' },
  { name: '2^32 symbols', message: header(1, 0, 128, 128, 128, 128, 16), error: 'RangeError' },
  { name: 'a number of 6 bytes', message: header(1, 0, 128, 128, 128, 128, 128, 0), error: 'RangeError' },
  { name: 'a number in a longer form', message: header(1, 128, 0, 0), error: 'RangeError' },
  { name: 'a count in a longer form', message: `${header(1, 0, 1) + zeros(19)}8000`, error: 'RangeError' },
  {
    name: 'beyond the last symbol',
    message: header(1, 0, 0),
    first: SYMBOLS_MAX,
    room: 1,
    error: 'TypeError',
  },
].map((given) => {
  const vector = { first: 0, room: 8, ...given };
  return answered(vector, () => {
    const cells = new Uint8Array(vector.room * 24);
    const symbols = oracle.decodeSymbols(bytesOf(vector.message), vector.first, cells);
    return { cells: hex(cells.subarray(0, symbols * 24)) };
  });
});

const sketch = { addToSketch, subtractSketch, peelSketch, encodeSymbols, decodeSymbols };
const trees = { merkleTree, diffTrees, merklePath, verifyPath };
const all = { deriveKey, tags, groupTags, addTags, sumRows, foldRows, diffRows, ...trees, ...sketch };
for (const [call, vectors] of Object.entries(all)) {
  const lines = vectors.map((vector) => `  ${JSON.stringify(vector)}`);
  const path = fileURLToPath(new URL(`../crates/merkle/vectors/${call}.json`, import.meta.url));
  writeFileSync(path, `[\n${lines.join(',\n')}\n]\n`);
  console.log(`${call}: ${vectors.length} vectors`);
}
