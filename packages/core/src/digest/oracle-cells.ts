/** The cells of a sketch as the oracle sees them: four bigints, added modulo their widths. */
import { bytesView } from './oracle-bytes.js';
import { itemHash } from './oracle-mapping.js';

export interface Cell {
  /** Modulo 2^56. */
  readonly counters: bigint;
  /** Modulo 2^64. */
  readonly tags: bigint;
  /** Modulo 2^32. */
  readonly checks: bigint;
  /** Signed, 32 bits. */
  readonly count: bigint;
}

export const EMPTY_CELL: Cell = { counters: 0n, tags: 0n, checks: 0n, count: 0n };

/** The cell that holds one item alone. */
export function cellOf(counter: bigint, tagPrefix: bigint): Cell {
  return { counters: counter, tags: tagPrefix, checks: itemHash(counter, tagPrefix) >> 32n, count: 1n };
}

/** `left` plus `factor` times `right`. */
export function addCells(left: Cell, right: Cell, factor: bigint): Cell {
  return {
    counters: BigInt.asUintN(56, left.counters + factor * right.counters),
    tags: BigInt.asUintN(64, left.tags + factor * right.tags),
    checks: BigInt.asUintN(32, left.checks + factor * right.checks),
    count: BigInt.asIntN(32, left.count + factor * right.count),
  };
}

export function equalCells(left: Cell, right: Cell): boolean {
  return (
    left.counters === right.counters &&
    left.tags === right.tags &&
    left.checks === right.checks &&
    left.count === right.count
  );
}

export function readCell(bytes: Uint8Array): Cell {
  const view = bytesView(bytes);
  return {
    counters: BigInt.asUintN(56, view.getBigUint64(0, true)),
    tags: view.getBigUint64(8, true),
    checks: BigInt(view.getUint32(16, true)),
    count: BigInt(view.getInt32(20, true)),
  };
}

export function writeCell(bytes: Uint8Array, cell: Cell): void {
  const view = bytesView(bytes);
  view.setBigUint64(0, cell.counters, true);
  view.setBigUint64(8, cell.tags, true);
  view.setUint32(16, Number(cell.checks), true);
  view.setInt32(20, Number(cell.count), true);
}
