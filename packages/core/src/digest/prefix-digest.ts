/**
 * The digest of all that a replica holds at or below a counter: of whole segments the rows, of the last one, where the
 * counter lies inside it, the tags of a listing.
 */
import type { Store } from '../ports/store.js';
import { rangeOfCounters, rowOfEntries } from '../protocol/listing.js';
import { type DigestKernel, INDEXED_ROW_BYTES, ROW_BYTES } from './kernel.js';
import { DIGEST_LAYOUT, rowSpan } from './layout.js';

/** One row, 24 bytes. Undefined where the last segment holds more records than a listing does. */
export function prefixDigest(
  store: Pick<Store, 'rows' | 'list'>,
  kernel: DigestKernel,
  { partition, upTo }: { readonly partition: string; readonly upTo: number },
): Uint8Array | undefined {
  const parts: Uint8Array[] = [];
  let next = 0;
  for (let level = DIGEST_LAYOUT.levels - 1; level >= 0; level--) {
    const span = rowSpan(level);
    const [from, to] = [next / span, Math.floor((upTo + 1) / span) - 1];
    if (to < from) continue;
    parts.push(...rowsOf(store.rows(partition, level, [{ from, to }])));
    next = (to + 1) * span;
  }
  if (next <= upTo) {
    const { entries, truncated } = store.list(partition, rangeOfCounters({ from: next, to: upTo }));
    if (truncated) return undefined;
    parts.push(rowOfEntries(kernel, entries));
  }
  const rows = new Uint8Array(parts.length * ROW_BYTES);
  for (const [i, part] of parts.entries()) rows.set(part, i * ROW_BYTES);
  const sum = new Uint8Array(ROW_BYTES);
  kernel.sumRows(rows, sum);
  return sum;
}

/** Indexed rows without their indexes. */
function* rowsOf(packed: Uint8Array): Generator<Uint8Array> {
  for (let at = INDEXED_ROW_BYTES - ROW_BYTES; at < packed.length; at += INDEXED_ROW_BYTES)
    yield packed.subarray(at, at + ROW_BYTES);
}
