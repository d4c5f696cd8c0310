/**
 * The records behind items, as the replica that is to give them has them now. One that has gone since it was told of
 * (superseded, trimmed, purged) has vanished; one that is listed still and cannot be read is damaged.
 */
import { framesOf, type RangeStore } from '../coordination/answer-range-question.js';
import { joinedRanges } from '../digest/layout.js';
import { MendlogError } from '../errors.js';
import {
  LISTING_ENTRY_BYTES,
  type Listing,
  rangeBehind,
  rangeOfCounters,
  type VersionRange,
} from '../protocol/listing.js';
import { hasPrefix, type RecordItem } from '../protocol/record-items.js';
import { readCounter, readVersion, VERSION_BYTES, type Version } from '../version.js';

export interface AnsweredItems {
  readonly frames: readonly Uint8Array[];
  /** So many of the items asked for are answered, the first ones: one at least. The others do not fit. */
  readonly answered: number;
  /** Of these, how many are not held any more. */
  readonly vanished: number;
}

/** Items as near as this are looked up together: a listing costs as much as some twenty of its entries. */
const NEAR_COUNTERS = 16;

/** For LIMITS.recordItemsMax items at most. */
export function answerItems(
  store: RangeStore,
  partition: string,
  items: readonly RecordItem[],
): AnsweredItems {
  const found = versionsOf(store, partition, items);
  const held = found.filter((version) => version !== undefined);
  const { frames, reached } = framesOf(store, partition, held);
  const last = held[reached - 1];
  const answered = reached === held.length || last === undefined ? items.length : 1 + found.indexOf(last);
  const vanished = found.slice(0, answered).filter((version) => version === undefined).length;
  return { frames, answered, vanished };
}

/** Checks what a peer says that it has answered, and returns how many of its records cannot be read. Throws MALFORMED. */
export function unreadItems(asked: number, { frames, answered, vanished }: AnsweredItems): number {
  const unread = answered - vanished - frames.length;
  const isPossible =
    Number.isInteger(answered) &&
    Number.isInteger(vanished) &&
    answered >= Math.min(1, asked) &&
    answered <= asked &&
    vanished >= 0 &&
    unread >= 0;
  if (!isPossible) throw new MendlogError('MALFORMED', 'an answer to items does not add up');
  return unread;
}

/** The version of each item, in their order; undefined for one that is not held. */
function versionsOf(
  store: Pick<RangeStore, 'list'>,
  partition: string,
  items: readonly RecordItem[],
): (Version | undefined)[] {
  const placesOf = new Map<number, number[]>();
  for (const [place, { counter }] of items.entries()) {
    const places = placesOf.get(counter);
    if (places === undefined) placesOf.set(counter, [place]);
    else places.push(place);
  }
  const found = new Array<Version | undefined>(items.length).fill(undefined);
  const counters = [...placesOf.keys()].sort((a, b) => a - b);
  for (const near of joinedRanges(counters, (from) => ({ from, to: from + NEAR_COUNTERS }))) {
    const to = Math.min(near.to, Number.MAX_SAFE_INTEGER);
    let range: VersionRange | undefined = rangeOfCounters({ from: near.from, to });
    while (range !== undefined) {
      const listing: Listing = store.list(partition, range);
      const { entries } = listing;
      const view = new DataView(entries.buffer, entries.byteOffset, entries.byteLength);
      for (let at = 0; at < entries.length; at += LISTING_ENTRY_BYTES) {
        const places = placesOf.get(readCounter(view, at));
        if (places === undefined) continue;
        const tag = entries.subarray(at + VERSION_BYTES, at + LISTING_ENTRY_BYTES);
        for (const place of places)
          if (hasPrefix(tag, (items[place] as RecordItem).tagPrefix)) found[place] ??= readVersion(view, at);
      }
      range = rangeBehind(range, listing);
    }
  }
  return found;
}
