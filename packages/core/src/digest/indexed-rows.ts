/** Digest rows with their indexes, as they travel. */
import { MendlogError } from '../errors.js';
import { LIMITS } from '../limits.js';
import { INDEXED_ROW_BYTES, ROW_BYTES } from './kernel.js';

/** Rows by index, ascending: the index as u64, little-endian, then the row. Throws TOO_LARGE above LIMITS.rowsMax. */
export function packIndexedRows(rows: ReadonlyMap<number, Uint8Array>): Uint8Array {
  if (rows.size > LIMITS.rowsMax) throw tooManyRows();
  const packed = new Uint8Array(rows.size * INDEXED_ROW_BYTES);
  const view = new DataView(packed.buffer);
  let at = 0;
  for (const [index, row] of [...rows].sort(([a], [b]) => a - b)) {
    view.setBigUint64(at, BigInt(index), true);
    packed.set(row, at + INDEXED_ROW_BYTES - ROW_BYTES);
    at += INDEXED_ROW_BYTES;
  }
  return packed;
}

export function tooManyRows(): MendlogError {
  return new MendlogError('TOO_LARGE', `more than ${LIMITS.rowsMax} digest rows; ask for a smaller range`);
}
