/** Whether what a replica says is an answer to what it was asked. Listings are checked where they are merged. */
import { ROW_BYTES } from '../digest/kernel.js';
import { MendlogError } from '../errors.js';
import type { VersionRange } from '../protocol/listing.js';
import { orderOf } from '../quorum/range-read.js';
import { frameVersion } from '../record.js';
import { compareVersions, type Version } from '../version.js';
import type { RangeAnswer, RangeDigest, RangePage, RangeQuestion } from './range-questions.js';

/** Throws MALFORMED. */
export function checkRangeAnswer(question: RangeQuestion, answer: RangeAnswer): void {
  if (question.ask !== answer.ask) throw new MendlogError('MALFORMED', 'the answer is to another question');
  if (question.ask === 'frames') return;
  const { ranges } = question;
  switch (answer.ask) {
    case 'pages':
      if (answer.pages.length === 0 || answer.pages.length > ranges.length) throw wrongCount('pages');
      for (const [i, page] of answer.pages.entries()) checkPage(page, ranges[i] as VersionRange);
      break;
    case 'digests':
      if (answer.digests.length !== ranges.length) throw wrongCount('digests');
      for (const digest of answer.digests) checkDigest(digest);
      break;
    case 'listings':
      if (answer.listings.length !== ranges.length) throw wrongCount('listings');
      break;
  }
}

function checkPage({ frames, truncated, digest }: RangePage, range: VersionRange): void {
  checkDigest(digest);
  const inOrder = orderOf(range);
  let before: Version | undefined;
  for (const frame of frames) {
    const version = frameVersion(frame);
    const isInside = compareVersions(version, range.from) >= 0 && compareVersions(version, range.to) <= 0;
    if (!isInside || (before !== undefined && inOrder(before, version) >= 0))
      throw new MendlogError('MALFORMED', 'a page holds a record that is not the next one of its range');
    before = version;
  }
  if (frames.length > range.limit || (truncated && frames.length === 0))
    throw new MendlogError('MALFORMED', 'a page has too many records, or leads nowhere');
}

function checkDigest({ row }: RangeDigest): void {
  if (row.length !== ROW_BYTES) throw new MendlogError('MALFORMED', 'the digest of a range is cut');
}

function wrongCount(what: string): MendlogError {
  return new MendlogError('MALFORMED', `an answer has another number of ${what} than was asked for`);
}
