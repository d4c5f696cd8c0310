// Listings made by hand: versions and tags without records.
import {
  LISTING_ENTRY_BYTES,
  type Listing,
  type ListingEntry,
  type VersionRange,
} from '../src/protocol/listing.js';
import {
  VERSION_BYTES,
  VERSION_HIGHEST,
  VERSION_LOWEST,
  type Version,
  writeVersion,
} from '../src/version.js';

/** A range that holds every version. */
export const everything = (limit = 100): VersionRange => ({
  from: VERSION_LOWEST,
  to: VERSION_HIGHEST,
  limit,
});

/** A tag of 16 bytes, all of them the same. */
export const tag = (byte: number): Uint8Array => new Uint8Array(16).fill(byte);

export const entry = (version: Version, tagByte = 0): ListingEntry => ({ version, tag: tag(tagByte) });

export function listing(entries: readonly ListingEntry[], truncated = false): Listing {
  const bytes = new Uint8Array(entries.length * LISTING_ENTRY_BYTES);
  const view = new DataView(bytes.buffer);
  for (const [i, { version, tag }] of entries.entries()) {
    writeVersion(view, i * LISTING_ENTRY_BYTES, version);
    bytes.set(tag, i * LISTING_ENTRY_BYTES + VERSION_BYTES);
  }
  return { entries: bytes, truncated, trimmedTo: 0, head: entries.at(-1)?.version.counter ?? 0 };
}
