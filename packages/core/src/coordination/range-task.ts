/** One range of a read: what is left to be asked of it, and what becomes of it. */
import { MendlogError } from '../errors.js';
import type { VersionRange } from '../protocol/listing.js';
import { rangeBeyond } from '../quorum/range-read.js';
import { frameVersion } from '../record.js';
import type { Version } from '../version.js';
import { PAGE_BYTES_MAX } from './answer-range-question.js';
import type { RangeDigest, RangePage } from './range-questions.js';

export interface RangeOutcome {
  /** The records of the range, in its order. */
  readonly frames: readonly Uint8Array[];
  /** Where the rest of the range begins; undefined where this is all of it. */
  readonly next: Version | undefined;
  /** Some asked replica holds records of the partition, whether or not in this range. */
  readonly isKnown: boolean;
  /** An asked replica lacked a record of the answer and has been given it. */
  readonly repaired: boolean;
}

/** How often a range is asked anew of which all that was listed is gone before it is read. */
const EMPTY_TURNS_MAX = 16;

export class RangeTask {
  /** What is left of it: the beginning may turn out to be trimmed. */
  range: VersionRange;
  outcome: RangeOutcome | undefined;
  #emptyTurns = 0;

  constructor(range: VersionRange) {
    this.range = range;
  }

  /** Nothing of it could be shown, and something may by now. Throws READ_TIMEOUT where that goes on and on. */
  again(range: VersionRange = this.range): void {
    this.#emptyTurns++;
    if (this.#emptyTurns >= EMPTY_TURNS_MAX)
      throw new MendlogError('READ_TIMEOUT', 'the range changes faster than it can be read; read again');
    this.range = range;
  }

  /** The page of one replica is that of all, where they hold the same in the range that it proves. */
  settle(page: RangePage, others: readonly RangeDigest[]): void {
    const { frames, truncated, digest } = page;
    if (digest.truncated || countOf(digest) !== frames.length) return;
    if (others.some((other) => other.truncated || !isSameRow(digest.row, other.row))) return;
    const last = frames.at(-1);
    const digests = [digest, ...others];
    const trimmedTo = Math.max(...digests.map((one) => one.trimmedTo));
    this.outcome = {
      frames,
      next:
        truncated && last !== undefined ? rangeBeyond(this.range, frameVersion(last), trimmedTo) : undefined,
      isKnown: Math.max(...digests.map(({ head }) => head)) > trimmedTo,
      repaired: false,
    };
  }
}

/** As many frames as a page may have, one at least; `next` is what follows all of them. */
export function cutPage(
  frames: readonly Uint8Array[],
  next: Version | undefined,
): { readonly page: readonly Uint8Array[]; readonly next: Version | undefined } {
  let bytes = 0;
  for (const [i, frame] of frames.entries()) {
    if (i > 0 && bytes + frame.length > PAGE_BYTES_MAX)
      return { page: frames.slice(0, i), next: frameVersion(frame) };
    bytes += frame.length;
  }
  return { page: frames, next };
}

function countOf({ row }: RangeDigest): number {
  return Number(new DataView(row.buffer, row.byteOffset, row.length).getBigUint64(16, true));
}

function isSameRow(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
