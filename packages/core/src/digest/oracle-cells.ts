/** The cells of a sketch as the oracle sees them: three bigints, added modulo 2^64. */
import { bytesView } from './oracle-bytes.js';
import { itemHash } from './oracle-mapping.js';

export interface Cell {
  /** 256 times the sum of the counters, which thus wraps at 56 bits. */
  readonly counters: bigint;
  readonly tags: bigint;
  /** An item's seal is its check in the high half, and 1: the low half counts. */
  readonly seals: bigint;
}

export const EMPTY_CELL: Cell = { counters: 0n, tags: 0n, seals: 0n };

/** The cell that holds one item alone. */
export function cellOf(counter: bigint, tagPrefix: bigint): Cell {
  return {
    counters: counter << 8n,
    tags: tagPrefix,
    seals: ((itemHash(counter, tagPrefix) >> 32n) << 32n) | 1n,
  };
}

/** `left` plus `factor` times `right`. */
export function addCells(left: Cell, right: Cell, factor: bigint): Cell {
  return {
    counters: BigInt.asUintN(64, left.counters + factor * right.counters),
    tags: BigInt.asUintN(64, left.tags + factor * right.tags),
    seals: BigInt.asUintN(64, left.seals + factor * right.seals),
  };
}

/** How many items it holds; those of the right side of a difference count negative. */
export function countOf(cell: Cell): bigint {
  return BigInt.asIntN(32, cell.seals);
}

export function equalCells(left: Cell, right: Cell): boolean {
  return left.counters === right.counters && left.tags === right.tags && left.seals === right.seals;
}

export function readCell(bytes: Uint8Array): Cell {
  const view = bytesView(bytes);
  return {
    counters: view.getBigUint64(0, true),
    tags: view.getBigUint64(8, true),
    seals: view.getBigUint64(16, true),
  };
}

export function writeCell(bytes: Uint8Array, cell: Cell): void {
  const view = bytesView(bytes);
  view.setBigUint64(0, cell.counters, true);
  view.setBigUint64(8, cell.tags, true);
  view.setBigUint64(16, cell.seals, true);
}
