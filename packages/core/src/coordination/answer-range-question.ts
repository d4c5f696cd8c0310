/** What a replica says of ranges, out of its store. */
import type { DigestKernel } from '../digest/kernel.js';
import { LIMITS } from '../limits.js';
import type { Page, Store } from '../ports/store.js';
import { type Listing, rowOfEntries, type VersionRange } from '../protocol/listing.js';
import { frameVersion } from '../record.js';
import { formatVersion, type Version } from '../version.js';
import type {
  AnsweredFrames,
  RangeAnswer,
  RangeDigest,
  RangePage,
  RangeQuestion,
} from './range-questions.js';

/** An answer stays well below the limit of a message, whatever the values' sizes; one record may go beyond. */
export const PAGE_BYTES_MAX = LIMITS.messageBytesMax / 4;

export type RangeStore = Pick<Store, 'list' | 'readRange' | 'readVersions'>;

export function answerRangeQuestion(
  store: RangeStore,
  kernel: DigestKernel,
  question: RangeQuestion,
): RangeAnswer {
  const { ask, partition } = question;
  switch (ask) {
    case 'pages':
      return { ask, pages: pagesOf(store, kernel, question) };
    case 'digests':
      return { ask, digests: digestsOf(store, kernel, question) };
    case 'listings':
      return { ask, listings: question.ranges.map((range) => store.list(partition, range)) };
    case 'frames':
      return { ask, ...framesOf(store, partition, question.versions) };
  }
}

/** The part of a range that a page has all records of, as its replica holds them. */
export function provenRange(range: VersionRange, { frames, truncated }: Page): VersionRange {
  const last = frames.at(-1);
  // One record more shows that there are more.
  const limit = Math.max(1, frames.length);
  if (!truncated || last === undefined) return { from: range.from, to: range.to, limit };
  const end = frameVersion(last);
  return range.descending === true
    ? { from: end, to: range.to, limit }
    : { from: range.from, to: end, limit };
}

interface Ranges {
  readonly partition: string;
  readonly ranges: readonly VersionRange[];
}

export function pagesOf(store: RangeStore, kernel: DigestKernel, { partition, ranges }: Ranges): RangePage[] {
  const pages: RangePage[] = [];
  let bytes = 0;
  let records = 0;
  for (const range of ranges) {
    if (bytes >= PAGE_BYTES_MAX || records >= LIMITS.batchRecordsMax) break;
    const limit = Math.min(range.limit, LIMITS.batchRecordsMax - records);
    const page = store.readRange(partition, { ...range, limit }, PAGE_BYTES_MAX - bytes);
    records += page.frames.length;
    const digest = digestOf(kernel, store.list(partition, provenRange(range, page)));
    pages.push({ ...page, digest });
    for (const { length } of page.frames) bytes += length;
  }
  return pages;
}

export function digestsOf(
  store: Pick<RangeStore, 'list'>,
  kernel: DigestKernel,
  { partition, ranges }: Ranges,
): RangeDigest[] {
  return ranges.map((range) => digestOf(kernel, store.list(partition, range)));
}

function digestOf(kernel: DigestKernel, { entries, ...rest }: Listing): RangeDigest {
  return { row: rowOfEntries(kernel, entries), ...rest };
}

/** As many as fit PAGE_BYTES_MAX, the last of them perhaps beyond. */
export function framesOf(store: RangeStore, partition: string, versions: readonly Version[]): AnsweredFrames {
  const found = new Map(
    store
      .readVersions(partition, versions, PAGE_BYTES_MAX)
      .map((frame) => [formatVersion(frameVersion(frame)), frame]),
  );
  const frames: Uint8Array[] = [];
  const unread: Version[] = [];
  let bytes = 0;
  for (const [i, version] of versions.entries()) {
    if (bytes >= PAGE_BYTES_MAX) return { frames, unread, reached: i };
    // One that was not read may be behind damaged ones, which have used the room up.
    const frame =
      found.get(formatVersion(version)) ?? store.readVersions(partition, [version], PAGE_BYTES_MAX)[0];
    if (frame !== undefined) {
      frames.push(frame);
      bytes += frame.length;
    } else if (store.list(partition, { from: version, to: version, limit: 1 }).entries.length > 0)
      unread.push(version);
  }
  return { frames, unread, reached: versions.length };
}
