/**
 * Items: records by their counter and the first 8 bytes of their tag. That is what a sketch tells of a record, and
 * what sessions ask for: whoever holds it finds the version.
 *
 *   per item 16 bytes: counter (8, big-endian) | tag prefix (8)
 */
import { MendlogError } from '../errors.js';
import { LIMITS } from '../limits.js';
import { readCounter } from '../version.js';

export interface RecordItem {
  readonly counter: number;
  /** The first 8 bytes of the record's tag. */
  readonly tagPrefix: Uint8Array;
}

export const TAG_PREFIX_BYTES = 8;
const ITEM_BYTES = 8 + TAG_PREFIX_BYTES;

export function packRecordItems(items: readonly RecordItem[]): Uint8Array {
  const packed = new Uint8Array(items.length * ITEM_BYTES);
  const view = new DataView(packed.buffer);
  for (const [i, { counter, tagPrefix }] of items.entries()) {
    view.setBigUint64(i * ITEM_BYTES, BigInt(counter));
    packed.set(tagPrefix.subarray(0, TAG_PREFIX_BYTES), i * ITEM_BYTES + 8);
  }
  return packed;
}

/** Throws MALFORMED for bytes that are not items, TOO_LARGE for more than LIMITS.recordItemsMax. */
export function unpackRecordItems(packed: Uint8Array): RecordItem[] {
  if (packed.length % ITEM_BYTES !== 0)
    throw new MendlogError('MALFORMED', 'a list of items ends inside one');
  const count = packed.length / ITEM_BYTES;
  if (count > LIMITS.recordItemsMax)
    throw new MendlogError('TOO_LARGE', `${count} items are over the limit of ${LIMITS.recordItemsMax}`);
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  return Array.from({ length: count }, (_, i) => {
    const at = i * ITEM_BYTES;
    return { counter: readCounter(view, at), tagPrefix: packed.subarray(at + 8, at + ITEM_BYTES) };
  });
}

export function hasPrefix(tag: Uint8Array, tagPrefix: Uint8Array): boolean {
  for (let i = 0; i < TAG_PREFIX_BYTES; i++) if (tag[i] !== tagPrefix[i]) return false;
  return true;
}
