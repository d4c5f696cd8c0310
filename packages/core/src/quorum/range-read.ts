/**
 * The read accumulator: listings of one range from R replicas, merged into what a quorum read
 * answers and what each replica lacks.
 *
 * A record is in the answer when any asked replica holds it: with R + W > N every acknowledged
 * record is among them. "Absent" is an answer: a replica that does not list a record that another
 * one lists lacks it, and read repair brings it. A truncated listing proves nothing beyond its last
 * version, so the answer ends at the smallest such version: the proven prefix.
 */
import { compareTags, type Listing, type ListingEntry, listingEntries } from '../protocol/listing.js';
import { compareVersions, formatVersion, type Version } from '../version.js';

export interface RangeReadAnswer {
  /** The records of the answer, ascending. */
  readonly entries: readonly ListingEntry[];
  /** More records may follow the last entry (or `provenTo`, where there is none). */
  readonly truncated: boolean;
  /** Per replica, the records of the answer that it lacks or holds with a losing tag. */
  readonly missing: ReadonlyMap<string, readonly Version[]>;
  /** Per record of the answer, replicas that hold its winning bytes. */
  holders(version: Version): readonly string[];
}

export function mergeListings(listings: ReadonlyMap<string, Listing>, limit: number): RangeReadAnswer {
  const perReplica = new Map<string, ListingEntry[]>();
  let provenTo: Version | undefined;
  for (const [replica, listing] of listings) {
    const entries = listingEntries(listing);
    perReplica.set(replica, entries);
    const last = entries.at(-1);
    if (
      listing.truncated &&
      last !== undefined &&
      (provenTo === undefined || compareVersions(last.version, provenTo) < 0)
    ) {
      provenTo = last.version;
    }
  }

  const winners = new Map<string, ListingEntry>();
  for (const entries of perReplica.values()) {
    for (const entry of entries) {
      if (provenTo !== undefined && compareVersions(entry.version, provenTo) > 0) break;
      const key = formatVersion(entry.version);
      const known = winners.get(key);
      if (known === undefined || compareTags(known.tag, entry.tag) < 0) winners.set(key, entry);
    }
  }
  const sorted = [...winners.values()].sort((a, b) => compareVersions(a.version, b.version));
  const entries = sorted.slice(0, limit);

  const holdersOf = new Map<string, string[]>();
  for (const entry of entries) holdersOf.set(formatVersion(entry.version), []);
  for (const [replica, listed] of perReplica) {
    for (const entry of listed) {
      const key = formatVersion(entry.version);
      const winner = winners.get(key);
      if (winner !== undefined && compareTags(winner.tag, entry.tag) === 0) holdersOf.get(key)?.push(replica);
    }
  }
  const missing = new Map<string, Version[]>();
  for (const replica of perReplica.keys()) {
    const lacked = entries.filter((entry) => !holdersOf.get(formatVersion(entry.version))?.includes(replica));
    if (lacked.length > 0)
      missing.set(
        replica,
        lacked.map((entry) => entry.version),
      );
  }
  return {
    entries,
    truncated: provenTo !== undefined || sorted.length > limit,
    missing,
    holders: (version) => holdersOf.get(formatVersion(version)) ?? [],
  };
}
