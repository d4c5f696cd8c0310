/**
 * An anti-entropy session: finds and moves exactly the records in which two replicas of one
 * partition differ. Pure: the shell fetches what a step needs from both sides and hands it in.
 *
 *   roots --differ--> rows (top level) --> rows (next level) ... --> listings --> transfer
 *   | ^ ^\--equal--> nothing (done)                                     ^  \--next chunk--/  |
 *   | | \------------------------- next round, compare again --------------------------------/
 *   v |
 *   trim or purge, where the watermarks differ: the lower one is raised before anything is compared,
 *         so that what one side has thrown away does not come back from the other
 *
 * Cost follows the differences: a session over equal replicas is one root, one over a lost record
 * is one row list a level and one segment's listing. Writes in flight look like differences; moving
 * such a record early is harmless, since applying a record twice changes nothing. A session is
 * bounded by rounds, and in each by segments and by listings that go on, and what is left is found by the
 * next one. What a peer answers beyond the question is MALFORMED and ends the session.
 */
import type { DigestKernel } from '../digest/kernel.js';
import { ROW_BYTES } from '../digest/kernel.js';
import { allRows, childRanges, DIGEST_LAYOUT, type IndexRange, segmentCounters } from '../digest/layout.js';
import { MendlogError } from '../errors.js';
import { LIMITS } from '../limits.js';
import type { Listing, VersionRange } from '../protocol/listing.js';
import { mergeListings } from '../quorum/range-read.js';
import { ORIGIN_HIGHEST, ORIGIN_LOWEST, type Version } from '../version.js';

/** What stands for all that one side holds: one row of 24 bytes, and its trim and purge watermarks. */
export interface SideSummary {
  readonly root: Uint8Array;
  readonly trimmedTo: number;
  readonly purgedTo: number;
}

/** Whether two sides have nothing to give each other, watermarks included. */
export function sidesAreEqual(a: SideSummary, b: SideSummary): boolean {
  return (
    a.trimmedTo === b.trimmedTo &&
    a.purgedTo === b.purgedTo &&
    a.root.length === b.root.length &&
    a.root.every((byte, i) => byte === b.root[i])
  );
}

/** What the session needs next, from both sides. */
export type SessionStep =
  | { readonly need: 'roots' }
  /** Both sides are to be trimmed to this counter. */
  | { readonly need: 'trim'; readonly trimTo: number }
  /** Both sides are to purge tombstones to this counter. */
  | { readonly need: 'purge'; readonly purgeTo: number }
  | { readonly need: 'rows'; readonly level: number; readonly ranges: readonly IndexRange[] }
  | { readonly need: 'listings'; readonly ranges: readonly VersionRange[] }
  /** Both sides have purged up to `purgedTo`: what moves comes from one that has. */
  | {
      readonly need: 'transfer';
      readonly pull: readonly Version[];
      readonly push: readonly Version[];
      readonly purgedTo: number;
    }
  | { readonly need: 'nothing'; readonly outcome: SessionOutcome };

export interface SessionOutcome {
  /** The roots were equal when they were last compared. */
  readonly equal: boolean;
  /** Everything is here that the other side held when the session began. */
  readonly isWhole: boolean;
  readonly rounds: number;
  /** Records found missing on either side, whether or not they were moved. */
  readonly missingHere: number;
  readonly missingThere: number;
  readonly recordsCompared: number;
  /** Counters of the segments that differed, adjacent ones joined, at most `differencesMax`. */
  readonly differences: readonly IndexRange[];
}

/** Segments whose listings travel in one step: about 4,000 records, 128 KiB a side. */
const SEGMENTS_PER_STEP = 16;
/** How often one round asks for the rest of a segment that holds more records than one listing. */
const CONTINUATIONS_PER_ROUND_MAX = 256;
const DIFFERENCES_MAX = 1000;

export class AntiEntropySession {
  readonly #kernel: DigestKernel;
  readonly #preview: boolean;
  #level = DIGEST_LAYOUT.levels - 1;
  /** Rows, then listings, that were asked for last: answers must lie in them. */
  #askedRows: readonly IndexRange[] = [];
  #asked: readonly VersionRange[] = [];
  /** Ranges that are still to be listed in this round. */
  #open: VersionRange[] = [];
  #continuationsLeft = 0;
  /** Nothing that differed was left out of this round; and of one that has ended. */
  #isRoundWhole = false;
  #isWhole = false;
  #raises = 0;
  #purgedTo = 0;
  #rounds = 0;
  #missingHere = 0;
  #missingThere = 0;
  #recordsCompared = 0;
  readonly #differences: { from: number; to: number }[] = [];

  /** A preview finds the differences once and moves nothing. */
  constructor(kernel: DigestKernel, options: { preview: boolean }) {
    this.#kernel = kernel;
    this.#preview = options.preview;
  }

  start(): SessionStep {
    return { need: 'roots' };
  }

  roots(here: SideSummary, there: SideSummary): SessionStep {
    if (there.root.length !== ROW_BYTES) throw new MendlogError('MALFORMED', 'a root is not one row');
    if (![there.trimmedTo, there.purgedTo].every(Number.isSafeInteger))
      throw new MendlogError('MALFORMED', 'a watermark is not a counter');
    // A watermark may rise again meanwhile; a peer that raises it for ever is left.
    if (!this.#preview && this.#raises < LIMITS.sessionRoundsMax) {
      const [trimTo, purgeTo] = [
        Math.max(here.trimmedTo, there.trimmedTo),
        Math.max(here.purgedTo, there.purgedTo),
      ];
      const differs = { trim: here.trimmedTo !== there.trimmedTo, purge: here.purgedTo !== there.purgedTo };
      if (differs.trim || differs.purge) this.#raises++;
      if (differs.trim) return { need: 'trim', trimTo };
      if (differs.purge) return { need: 'purge', purgeTo };
    }
    this.#purgedTo = Math.min(here.purgedTo, there.purgedTo);
    if (here.root.every((byte, i) => byte === there.root[i])) return this.#end(true);
    if (this.#rounds >= LIMITS.sessionRoundsMax) return this.#end(false);
    this.#rounds++;
    this.#continuationsLeft = CONTINUATIONS_PER_ROUND_MAX;
    this.#isRoundWhole = true;
    return this.#askRows(DIGEST_LAYOUT.levels - 1, [allRows(DIGEST_LAYOUT.levels - 1)]);
  }

  /** Both sides have raised what they were to raise. */
  raised(): SessionStep {
    return { need: 'roots' };
  }

  /** Both sides' indexed rows of the ranges asked for. */
  rows(here: Uint8Array, there: Uint8Array): SessionStep {
    const room =
      this.#level === 0 ? LIMITS.sessionSegmentsMax : Math.ceil(LIMITS.rowsMax / DIGEST_LAYOUT.fanout);
    const indexes = new Float64Array(room);
    const count = this.#kernel.diffRows(here, there, indexes);
    if (count === room) this.#isRoundWhole = false;
    const differing = [...indexes.subarray(0, count)];
    const stranger = differing.find(
      (index) => !this.#askedRows.some(({ from, to }) => from <= index && index <= to),
    );
    if (stranger !== undefined) throw new MendlogError('MALFORMED', `row ${stranger} was not asked for`);
    if (differing.length === 0) return this.#nextRound();
    if (this.#level > 0) return this.#askRows(this.#level - 1, childRanges(differing));
    for (const segment of differing) this.#noteDifference(segmentCounters(segment));
    this.#open = differing.map(rangeOfSegment);
    return this.#nextListings();
  }

  /**
   * Both sides' listings, one for each range asked for. Where a segment holds more records than one
   * listing, the rest is asked for later in the round.
   */
  listings(here: readonly Listing[], there: readonly Listing[]): SessionStep {
    const pull: Version[] = [];
    const push: Version[] = [];
    for (const [i, range] of this.#asked.entries()) {
      const hereListing = here[i];
      const thereListing = there[i];
      if (hereListing === undefined || thereListing === undefined) {
        this.#isRoundWhole = false;
        break;
      }
      const merged = mergeListings(
        new Map([
          ['here', hereListing],
          ['there', thereListing],
        ]),
        range,
      );
      if (merged.next !== undefined) {
        if (this.#continuationsLeft-- > 0) this.#open.push({ ...range, from: merged.next });
        else this.#isRoundWhole = false;
      }
      this.#recordsCompared += merged.entries.length;
      pull.push(...(merged.missing.get('here') ?? []));
      push.push(...(merged.missing.get('there') ?? []));
    }
    this.#missingHere += pull.length;
    this.#missingThere += push.length;
    if (this.#preview || pull.length + push.length === 0) return this.#nextListings();
    return { need: 'transfer', pull, push, purgedTo: this.#purgedTo };
  }

  transferred(): SessionStep {
    return this.#nextListings();
  }

  #nextListings(): SessionStep {
    const chunk = this.#open.splice(0, SEGMENTS_PER_STEP);
    if (chunk.length === 0) return this.#nextRound();
    this.#asked = chunk;
    return { need: 'listings', ranges: chunk };
  }

  #askRows(level: number, ranges: readonly IndexRange[]): SessionStep {
    this.#level = level;
    this.#askedRows = ranges;
    return { need: 'rows', level, ranges };
  }

  #nextRound(): SessionStep {
    if (this.#isRoundWhole && !this.#preview) this.#isWhole = true;
    return this.#preview ? this.#end(false) : { need: 'roots' };
  }

  #noteDifference(range: IndexRange): void {
    const last = this.#differences.at(-1);
    if (last !== undefined && last.to + 1 === range.from) last.to = range.to;
    else if (this.#differences.length < DIFFERENCES_MAX) this.#differences.push({ ...range });
  }

  #end(equal: boolean): SessionStep {
    return {
      need: 'nothing',
      outcome: {
        equal,
        isWhole: equal || this.#isWhole,
        rounds: this.#rounds,
        missingHere: this.#missingHere,
        missingThere: this.#missingThere,
        recordsCompared: this.#recordsCompared,
        differences: this.#differences,
      },
    };
  }
}

function rangeOfSegment(segment: number): VersionRange {
  const { from, to } = segmentCounters(segment);
  return {
    from: { counter: from, origin: ORIGIN_LOWEST },
    to: { counter: to, origin: ORIGIN_HIGHEST },
    limit: LIMITS.batchRecordsMax,
  };
}
