/**
 * Listings: which records a replica holds in a range, as versions and tags without values.
 *
 *   per record 32 bytes: version (16, big-endian) | tag (16); in the order of the range that was asked for
 *
 * Replicas compare listings to find exactly what one of them lacks: a quorum read, read repair and
 * anti-entropy all end here. A listing that stops at its limit says so; beyond its last version it
 * proves nothing. It carries the replica's trim watermark: what is at or below it is not missing
 * here, it was thrown away.
 */
import { type DigestKernel, ROW_BYTES, TAG_BYTES } from '../digest/kernel.js';
import type { IndexRange } from '../digest/layout.js';
import { MendlogError } from '../errors.js';
import { LIMITS } from '../limits.js';
import {
  compareVersions,
  ORIGIN_HIGHEST,
  ORIGIN_LOWEST,
  readVersion,
  VERSION_BYTES,
  type Version,
  versionAfter,
  writeVersion,
} from '../version.js';

export const LISTING_ENTRY_BYTES = VERSION_BYTES + TAG_BYTES;

/** Records of one partition from `from` to `to`, both included, at most `limit` of them. */
export interface VersionRange {
  readonly from: Version;
  readonly to: Version;
  readonly limit: number;
  /** From `to` down to `from`. */
  readonly descending?: boolean;
}

export interface Listing {
  /** Entries back to back. */
  readonly entries: Uint8Array;
  /** More records of the range follow the last entry. */
  readonly truncated: boolean;
  /** The trim watermark: the replica holds no record with a counter at or below it, and takes none. */
  readonly trimmedTo: number;
  /** The highest counter that the replica has stored or was trimmed to: above every watermark, it holds records. */
  readonly head: number;
}

export interface ListingEntry {
  readonly version: Version;
  readonly tag: Uint8Array;
}

/** All versions of these counters, both ends included, as many as one listing holds. */
export function rangeOfCounters({ from, to }: IndexRange): VersionRange {
  return {
    from: { counter: from, origin: ORIGIN_LOWEST },
    to: { counter: to, origin: ORIGIN_HIGHEST },
    limit: LIMITS.batchRecordsMax,
  };
}

/** Entries back to back, as a listing holds them. */
export function packListingEntries(entries: readonly ListingEntry[]): Uint8Array {
  const packed = new Uint8Array(entries.length * LISTING_ENTRY_BYTES);
  const view = new DataView(packed.buffer);
  for (const [i, { version, tag }] of entries.entries()) {
    writeVersion(view, i * LISTING_ENTRY_BYTES, version);
    packed.set(tag, i * LISTING_ENTRY_BYTES + VERSION_BYTES);
  }
  return packed;
}

/** The tags of entries, back to back. */
export function tagsOfEntries(entries: Uint8Array): Uint8Array {
  const records = entries.length / LISTING_ENTRY_BYTES;
  const tags = new Uint8Array(records * TAG_BYTES);
  for (let i = 0; i < records; i++) {
    const at = i * LISTING_ENTRY_BYTES + VERSION_BYTES;
    tags.set(entries.subarray(at, at + TAG_BYTES), i * TAG_BYTES);
  }
  return tags;
}

/** The row of all records in entries. */
export function rowOfEntries(kernel: DigestKernel, entries: Uint8Array): Uint8Array {
  const row = new Uint8Array(ROW_BYTES);
  kernel.addTags(row, new Uint32Array(entries.length / LISTING_ENTRY_BYTES), tagsOfEntries(entries), 1);
  return row;
}

/** What of an ascending range its own store's listing of it has left out; undefined where that is nothing. */
export function rangeBehind(
  range: VersionRange,
  { entries, truncated }: Pick<Listing, 'entries' | 'truncated'>,
): VersionRange | undefined {
  if (!truncated) return undefined;
  const view = new DataView(entries.buffer, entries.byteOffset, entries.byteLength);
  const from = versionAfter(readVersion(view, entries.length - LISTING_ENTRY_BYTES));
  return from && { ...range, from };
}

/**
 * The entries of a listing that was asked for with this range. Throws MALFORMED where entries are cut,
 * out of order, repeated, too many, or outside the range: what a peer lists beyond the question proves
 * nothing, and would be taken for missing on whoever was asked the same.
 */
export function listingEntries(listing: Listing, range: VersionRange): ListingEntry[] {
  const { entries } = listing;
  if (entries.length % LISTING_ENTRY_BYTES !== 0)
    throw new MendlogError('MALFORMED', 'a listing ends inside an entry');
  const view = new DataView(entries.buffer, entries.byteOffset, entries.byteLength);
  const direction = range.descending === true ? -1 : 1;
  const result: ListingEntry[] = [];
  let previous: Version | undefined;
  for (let at = 0; at < entries.length; at += LISTING_ENTRY_BYTES) {
    const version = readVersion(view, at);
    if (previous !== undefined && compareVersions(previous, version) * direction >= 0) {
      throw new MendlogError('MALFORMED', 'a listing is not in the order of its range');
    }
    if (compareVersions(version, range.from) < 0 || compareVersions(version, range.to) > 0) {
      throw new MendlogError('MALFORMED', 'a listing holds a record outside the range that was asked for');
    }
    if (result.length >= range.limit) {
      throw new MendlogError('MALFORMED', `a listing holds more than the ${range.limit} records asked for`);
    }
    previous = version;
    result.push({ version, tag: entries.subarray(at + VERSION_BYTES, at + LISTING_ENTRY_BYTES) });
  }
  if (listing.truncated && previous === undefined) {
    throw new MendlogError('MALFORMED', 'a truncated listing has at least one entry');
  }
  return result;
}

export function sameTag(a: Uint8Array, b: Uint8Array): boolean {
  return compareTags(a, b) === 0;
}

/** Byte order of tags: breaks the tie, everywhere alike, should two records ever share a version. */
export function compareTags(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < TAG_BYTES; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}
