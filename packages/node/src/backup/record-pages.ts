/**
 * All records of a partition in pages of bounded size, through the storage port alone, with a count of
 * those that are listed and whose bytes are not given out: the disk has changed them.
 */
import {
  compareVersions,
  frameVersion,
  type ListingEntry,
  listingEntries,
  type Store,
  VERSION_HIGHEST,
  VERSION_LOWEST,
  type Version,
  versionAfter,
} from '@mendlog/core';

/** Records that a page lists at most, and bytes of frames at which it ends. */
const PAGE_RECORDS = 1024;
const PAGE_BYTES = 4 * 1024 * 1024;

export interface RecordPage {
  /** By version, ascending. */
  readonly frames: readonly Uint8Array[];
  /** Records between them that cannot be read. */
  readonly damaged: number;
}

/** Each page is of one moment; what is written between two pages is in the later ones or not at all. */
export function* recordPages(store: Store, partition: string): Generator<RecordPage> {
  let from: Version | undefined = VERSION_LOWEST;
  while (from !== undefined) {
    const range = { from, to: VERSION_HIGHEST, limit: PAGE_RECORDS };
    const listing = store.list(partition, range);
    const listed = listingEntries(listing, range);
    const { frames, passed } = framesOf(store, partition, listed);
    if (passed > 0) yield { frames, damaged: passed - frames.length };
    const last: Version | undefined = listed[passed - 1]?.version;
    const isAll = passed === listed.length && !listing.truncated;
    from = isAll || last === undefined ? undefined : versionAfter(last);
  }
}

/** Frames of the first of these records, and how many of them that takes care of, damaged ones included. */
function framesOf(
  store: Store,
  partition: string,
  listed: readonly ListingEntry[],
): { frames: Uint8Array[]; passed: number } {
  const versions = listed.map(({ version }) => version);
  const frames = store.readVersions(partition, versions, PAGE_BYTES);
  const last = frames.at(-1);
  if (last !== undefined) {
    // Behind the last one the page may have ended.
    const at = versions.findIndex((version) => compareVersions(version, frameVersion(last)) === 0);
    return { frames, passed: at + 1 };
  }
  // All that a page has room for is damaged: one by one, up to the first that is not.
  for (const [i, version] of versions.entries()) {
    const alone = store.readVersions(partition, [version], PAGE_BYTES);
    if (alone.length > 0) return { frames: alone, passed: i + 1 };
  }
  return { frames: [], passed: versions.length };
}
