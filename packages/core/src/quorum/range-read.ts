/**
 * The read accumulator: listings of one range from R replicas, merged into what a quorum read
 * answers and what each replica lacks.
 *
 * A record is in the answer when any asked replica holds it: with R + W > N every acknowledged
 * record is among them. "Absent" is an answer: a replica that does not list a record that another
 * one lists lacks it, and read repair brings it. What lies at or below the highest trim watermark of
 * any replica is gone, wherever it may still be stored. A truncated listing proves nothing beyond its
 * last version, so the answer ends at the first such version in the order of the range: the proven prefix.
 */
import { MendlogError, toMendlogError } from '../errors.js';
import {
  compareTags,
  type Listing,
  type ListingEntry,
  listingEntries,
  type VersionRange,
} from '../protocol/listing.js';
import {
  compareVersions,
  formatVersion,
  laterVersion,
  ORIGIN_LOWEST,
  type Version,
  versionAfter,
  versionBefore,
} from '../version.js';

export interface RangeReadAnswer {
  /** The records of the answer, in the order of the range. */
  readonly entries: readonly ListingEntry[];
  /** Where the rest of the range begins; undefined where the answer is all of it. */
  readonly next: Version | undefined;
  /** The highest trim watermark of the replicas. */
  readonly trimmedTo: number;
  /** Some replica holds records of the partition above the watermark, whether or not in this range. */
  readonly isKnown: boolean;
  /** Per replica, the records of the answer that it lacks or holds with a losing tag. */
  readonly missing: ReadonlyMap<string, readonly Version[]>;
  /** Per record of the answer, replicas that hold its winning bytes. */
  holders(version: Version): readonly string[];
}

/** Listings of one range by replica. Throws MALFORMED, with the `replica`, where one is not an answer to the range. */
export function mergeListings(listings: ReadonlyMap<string, Listing>, range: VersionRange): RangeReadAnswer {
  const perReplica = new Map<string, ListingEntry[]>();
  const inOrder = orderOf(range);
  let provenTo: Version | undefined;
  let trimmedTo = 0;
  let head = 0;
  for (const [replica, listing] of listings) {
    const entries = entriesOf(replica, listing, range);
    perReplica.set(replica, entries);
    trimmedTo = Math.max(trimmedTo, listing.trimmedTo);
    head = Math.max(head, listing.head);
    const last = entries.at(-1);
    if (
      listing.truncated &&
      last !== undefined &&
      (provenTo === undefined || inOrder(last.version, provenTo) < 0)
    ) {
      provenTo = last.version;
    }
  }

  const winners = new Map<string, ListingEntry>();
  for (const entries of perReplica.values()) {
    for (const entry of entries) {
      if (provenTo !== undefined && inOrder(entry.version, provenTo) > 0) break;
      if (entry.version.counter <= trimmedTo) continue;
      const key = formatVersion(entry.version);
      const known = winners.get(key);
      if (known === undefined || compareTags(known.tag, entry.tag) < 0) winners.set(key, entry);
    }
  }
  const sorted = [...winners.values()].sort((a, b) => inOrder(a.version, b.version));
  const entries = sorted.slice(0, range.limit);
  const answeredTo = sorted.length > range.limit ? entries.at(-1)?.version : provenTo;

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
    next: answeredTo === undefined ? undefined : rangeBeyond(range, answeredTo, trimmedTo),
    trimmedTo,
    isKnown: head > trimmedTo,
    missing,
    holders: (version) => holdersOf.get(formatVersion(version)) ?? [],
  };
}

function entriesOf(replica: string, listing: Listing, range: VersionRange): ListingEntry[] {
  try {
    return listingEntries(listing, range);
  } catch (cause) {
    const { code, message } = toMendlogError(cause);
    throw new MendlogError(code, `${replica}: ${message}`, { details: { replica }, cause });
  }
}

/** Compares two versions as a range has them: the one that comes first is the lesser. */
export function orderOf({
  descending,
}: Pick<VersionRange, 'descending'>): (a: Version, b: Version) => number {
  return descending === true ? (a, b) => compareVersions(b, a) : compareVersions;
}

/**
 * Where the rest of a range begins that was answered up to a version: past it, and past what was trimmed. Undefined
 * where nothing is left.
 */
export function rangeBeyond(
  { from, to, descending }: VersionRange,
  answeredTo: Version,
  trimmedTo: number,
): Version | undefined {
  const lowest = { counter: Math.min(trimmedTo + 1, Number.MAX_SAFE_INTEGER), origin: ORIGIN_LOWEST };
  if (descending === true) {
    const before = versionBefore(answeredTo);
    if (before === undefined) return undefined;
    return compareVersions(before, laterVersion(from, lowest)) >= 0 ? before : undefined;
  }
  const after = versionAfter(answeredTo);
  if (after === undefined) return undefined;
  const next = laterVersion(after, lowest);
  return compareVersions(next, to) <= 0 ? next : undefined;
}
