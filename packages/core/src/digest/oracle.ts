/**
 * The oracle: a digest kernel to read and to test the others against.
 *
 * It says what each call means in the fewest words, with bigints for the
 * 64-bit sums, and is slow. The vectors of `crates/merkle/vectors` are made from
 * it, and the Rust kernels must answer as it does, down to the refusals. BLAKE3
 * comes from outside, so that the core needs no library.
 */

import { type DigestKernel, INDEXED_ROW_BYTES, KEY_BYTES, ROW_BYTES, TAG_BYTES } from './kernel.js';
import { bytesView, checkLength, checkPacked, equalBytes, readU64, unitsOf } from './oracle-bytes.js';
import { oracleSketch } from './oracle-sketch.js';
import { createOracleTree, type OracleBlake3 } from './oracle-tree.js';

const INDEX_MAX = BigInt(Number.MAX_SAFE_INTEGER);
const EMPTY_ROW = new Uint8Array(ROW_BYTES);

export function createOracleKernel(blake3: OracleBlake3): DigestKernel {
  const groupTags: DigestKernel['groupTags'] = (keys, groupEnds, frames, ends, tagsOut) => {
    checkLength('keys', keys.length, groupEnds.length * KEY_BYTES);
    checkEnds('groupEnds', groupEnds, { whole: 'the number of frames', expected: ends.length });
    checkEnds('ends', ends, { whole: 'the length of frames', expected: frames.length });
    checkLength('tagsOut', tagsOut.length, ends.length * TAG_BYTES);
    let frame = 0;
    let start = 0;
    for (const [group, groupEnd] of groupEnds.entries()) {
      const key = keys.subarray(group * KEY_BYTES, (group + 1) * KEY_BYTES);
      for (const end of ends.subarray(frame, groupEnd)) {
        const hash = blake3.keyedHash(key, frames.subarray(start, end));
        tagsOut.set(hash.subarray(0, TAG_BYTES), frame * TAG_BYTES);
        start = end;
        frame += 1;
      }
    }
  };

  return {
    kind: 'oracle',

    deriveKey: (context, material) => blake3.deriveKey(context, material),

    tags(key, frames, ends, tagsOut) {
      checkLength('key', key.length, KEY_BYTES);
      groupTags(key, Uint32Array.of(ends.length), frames, ends, tagsOut);
    },

    groupTags,

    addTags(rows, rowOf, tags, sign) {
      checkPacked('rows', rows.length, ROW_BYTES);
      checkLength('tags', tags.length, rowOf.length * TAG_BYTES);
      if (sign !== 1 && sign !== -1) throw new TypeError(`sign is ${String(sign)}: expected 1 or -1`);
      // The sums are made on a copy: a refusal leaves the rows as they were.
      const changed = rows.slice();
      for (const [i, row] of rowOf.entries()) {
        if (row >= rows.length / ROW_BYTES)
          throw new TypeError(`rowOf[${i}] is ${row}: there is no such row`);
      }
      for (const [i, row] of rowOf.entries()) {
        const tag = tags.subarray(i * TAG_BYTES, (i + 1) * TAG_BYTES);
        const target = changed.subarray(row * ROW_BYTES, (row + 1) * ROW_BYTES);
        const [lane0, lane1, count] = readRow(target);
        if (sign === -1 && count === 0n) {
          throw new RangeError(`removing tag ${i} takes the count of row ${row} below zero`);
        }
        const factor = BigInt(sign);
        writeRow(target, [
          lane0 + factor * readU64(tag, 0),
          lane1 + factor * readU64(tag, 8),
          count + factor,
        ]);
      }
      rows.set(changed);
    },

    sumRows(rows, rowOut) {
      checkPacked('rows', rows.length, ROW_BYTES);
      checkLength('rowOut', rowOut.length, ROW_BYTES);
      const sum: Row = [0n, 0n, 0n];
      for (const row of unitsOf(rows, ROW_BYTES)) {
        const [lane0, lane1, count] = readRow(row);
        sum[0] += lane0;
        sum[1] += lane1;
        sum[2] += count;
      }
      writeRow(rowOut, sum);
    },

    diffRows(left, right, indexesOut) {
      const leftRows = readIndexedRows('left', left);
      const rightRows = readIndexedRows('right', right);
      const indexes = [...new Set([...leftRows.keys(), ...rightRows.keys()])].sort((a, b) => a - b);
      const differing = indexes.filter(
        (index) => !equalBytes(leftRows.get(index) ?? EMPTY_ROW, rightRows.get(index) ?? EMPTY_ROW),
      );
      const found = differing.slice(0, indexesOut.length);
      indexesOut.set(found);
      return found.length;
    },

    foldRows(indexedRows, span, rows) {
      checkPacked('rows', rows.length, ROW_BYTES);
      if (!Number.isSafeInteger(span) || span < 1) {
        throw new TypeError(`span is ${span}: expected an integer from 1 to 2^53 - 1`);
      }
      const changed = unitsOf(rows, ROW_BYTES).map(readRow);
      for (const [index, row] of readIndexedRows('indexedRows', indexedRows)) {
        const target = changed[Math.floor(index / span)];
        if (target === undefined)
          throw new TypeError(`indexedRows: row ${index} falls into none of the rows`);
        for (const [lane, value] of readRow(row).entries()) target[lane] = (target[lane] ?? 0n) + value;
      }
      for (const [i, row] of changed.entries()) writeRow(rows.subarray(i * ROW_BYTES), row);
    },

    ...createOracleTree(blake3),
    ...oracleSketch,
  };
}

/** Lane 0 sum, lane 1 sum, count. */
type Row = [bigint, bigint, bigint];

function readRow(bytes: Uint8Array): Row {
  return [readU64(bytes, 0), readU64(bytes, 8), readU64(bytes, 16)];
}

function writeRow(bytes: Uint8Array, row: Row): void {
  const view = bytesView(bytes);
  // setBigUint64 keeps the low 64 bits: this is where the sums wrap.
  for (const [i, value] of row.entries()) view.setBigUint64(i * 8, value, true);
}

function readIndexedRows(list: string, bytes: Uint8Array): Map<number, Uint8Array> {
  checkPacked(list, bytes.length, INDEXED_ROW_BYTES);
  const rows = new Map<number, Uint8Array>();
  let previous = -1n;
  for (const [position, unit] of unitsOf(bytes, INDEXED_ROW_BYTES).entries()) {
    const index = readU64(unit, 0);
    if (index > INDEX_MAX)
      throw new TypeError(`${list}: the index at position ${position} is above 2^53 - 1`);
    if (index <= previous) throw new TypeError(`${list}: the index at position ${position} does not ascend`);
    rows.set(Number(index), unit.subarray(8));
    previous = index;
  }
  return rows;
}

function checkEnds(
  list: string,
  ends: Uint32Array,
  { whole, expected }: { whole: string; expected: number },
): void {
  let covered = 0;
  for (const [i, end] of ends.entries()) {
    if (end < covered) throw new TypeError(`${list}[${i}] is less than the end before it`);
    covered = end;
  }
  if (covered !== expected) {
    throw new TypeError(`the last of ${list} is ${covered}: expected ${whole}, ${expected}`);
  }
}
