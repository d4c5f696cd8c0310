/**
 * An anti-entropy session: finds and moves exactly the records in which two replicas of one
 * partition differ. Pure: the shell fetches what a step needs from both sides and hands it in.
 *
 *   roots --differ--> rows (top level) --> rows (next level) ... --> sketches --> listings --> transfer
 *   | ^ ^\--equal--> nothing (done)                                      ^  \--failed--^ ^          |
 *   | | |                                                                \------ next ----+----------/
 *   | | \------------------------------ next round, compare again ----------------------------------/
 *   v |
 *   trim or purge, where the watermarks differ: the lower one is raised before anything is compared,
 *         so that what one side has thrown away does not come back from the other
 *
 * Cost follows the differences: a session over equal replicas is one root, one over a lost record is one row list a
 * level and a sketch of one segment. Where a segment holds few records, or differs in many, it is listed
 * (plan-diff.ts); so is what a sketch fails to compare, and the first that fails is the last of the session. Writes in
 * flight look like differences; moving such a record early is harmless, since applying a record twice changes nothing.
 * A session is bounded by rounds, and in each by segments, by the symbols of a sketch and by listings that go on, and
 * what is left is found by the next one. A root, a row or a listing beyond the question is MALFORMED and ends it.
 */
import type { DigestKernel } from '../digest/kernel.js';
import { INDEXED_ROW_BYTES, ROW_BYTES } from '../digest/kernel.js';
import { allRows, childRanges, DIGEST_LAYOUT, type IndexRange, segmentCounters } from '../digest/layout.js';
import { MendlogError } from '../errors.js';
import { LIMITS } from '../limits.js';
import type { Listing } from '../protocol/listing.js';
import type { RecordItem } from '../protocol/record-items.js';
import type { HeldRecords, SymbolsAnswer } from './answer-symbols.js';
import type { DifferingSegment } from './plan-diff.js';
import { type CompareStep, type RoundStep, SegmentRound } from './segment-round.js';

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

/** What the session needs next, from both sides unless told. */
export type SessionStep =
  | { readonly need: 'roots' }
  /** Both sides are to be trimmed to this counter. */
  | { readonly need: 'trim'; readonly trimTo: number }
  /** Both sides are to purge tombstones to this counter. */
  | { readonly need: 'purge'; readonly purgeTo: number }
  | { readonly need: 'rows'; readonly level: number; readonly ranges: readonly IndexRange[] }
  | CompareStep
  /**
   * The holder finds the records behind the items, as answerItems() does. Both sides have purged up to `purgedTo`: what
   * moves comes from one that has.
   */
  | {
      readonly need: 'transfer';
      readonly pull: readonly RecordItem[];
      readonly push: readonly RecordItem[];
      readonly purgedTo: number;
    }
  | { readonly need: 'nothing'; readonly outcome: SessionOutcome };

export interface SessionOutcome {
  /** The roots were equal when they were last compared. */
  readonly equal: boolean;
  /**
   * Everything is here that the other side held when the session began: the roots are equal, or the last round left out
   * nothing of what it found. One that found nothing though the roots differed is not whole: rows, symbols or listings
   * did not show what is there.
   */
  readonly isWhole: boolean;
  readonly rounds: number;
  /** Records found missing on either side, whether or not they were moved. */
  readonly missingHere: number;
  readonly missingThere: number;
  readonly recordsCompared: number;
  /** Counters of the segments that differed, adjacent ones joined, at most `differencesMax`. */
  readonly differences: readonly IndexRange[];
}

const DIFFERENCES_MAX = 1000;

export class AntiEntropySession {
  readonly #kernel: DigestKernel;
  readonly #preview: boolean;
  #level = DIGEST_LAYOUT.levels - 1;
  /** Rows that were asked for last: answers must lie in them. */
  #askedRows: readonly IndexRange[] = [];
  #segments: SegmentRound | undefined;
  #hasSketchFailed = false;
  /** Nothing that differed was left out of this round; and of the last one that has ended. */
  #isRoundWhole = false;
  #isWhole = false;
  /** Differences that this round has found. */
  #found = 0;
  #raises = 0;
  #trimmedTo = 0;
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
    this.#trimmedTo = Math.max(here.trimmedTo, there.trimmedTo);
    this.#purgedTo = Math.min(here.purgedTo, there.purgedTo);
    if (here.root.every((byte, i) => byte === there.root[i])) return this.#end(true);
    if (this.#rounds >= LIMITS.sessionRoundsMax) return this.#end(false);
    this.#rounds++;
    this.#isRoundWhole = true;
    this.#found = 0;
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
    const [recordsHere, recordsThere] = [recordsOfRows(here), recordsOfRows(there)];
    const segments = differing.map((segment): DifferingSegment => {
      return {
        segment,
        recordsHere: recordsHere.get(segment) ?? 0,
        recordsThere: recordsThere.get(segment) ?? 0,
      };
    });
    this.#segments = new SegmentRound(this.#kernel, segments, {
      trimmedTo: this.#trimmedTo,
      usesSketches: !this.#hasSketchFailed,
    });
    return this.#go(this.#segments.next());
  }

  /** What is held here in the segments that were asked for; undefined where it is too much for a sketch. */
  held(records: HeldRecords | undefined): SessionStep {
    return this.#go(this.#running.held(records));
  }

  /** The peer's symbols; undefined where it holds too much for a sketch. */
  symbols(answer: SymbolsAnswer | undefined): SessionStep {
    return this.#go(this.#running.symbols(answer));
  }

  /**
   * Both sides' listings, one for each range asked for. Where a segment holds more records than one
   * listing, the rest is asked for later in the round.
   */
  listings(here: readonly Listing[], there: readonly Listing[]): SessionStep {
    return this.#go(this.#running.listings(here, there));
  }

  /** So many of the records that were to be pulled are not here: not all is that the other side held. */
  transferred(missing: number): SessionStep {
    if (missing > 0) this.#isRoundWhole = false;
    return this.#go(this.#running.next());
  }

  #go(step: RoundStep): SessionStep {
    switch (step.need) {
      case 'differences': {
        const { pull, push } = step;
        this.#missingHere += pull.length;
        this.#missingThere += push.length;
        this.#found += pull.length + push.length;
        this.#recordsCompared += step.recordsCompared;
        if (this.#preview || pull.length + push.length === 0) return this.#go(this.#running.next());
        return { need: 'transfer', pull, push, purgedTo: this.#purgedTo };
      }
      case 'end':
        if (!step.isWhole) this.#isRoundWhole = false;
        this.#hasSketchFailed ||= step.hasSketchFailed;
        return this.#nextRound();
      default:
        return step;
    }
  }

  get #running(): SegmentRound {
    if (this.#segments === undefined) throw new Error('no segments are being compared');
    return this.#segments;
  }

  #askRows(level: number, ranges: readonly IndexRange[]): SessionStep {
    this.#level = level;
    this.#askedRows = ranges;
    return { need: 'rows', level, ranges };
  }

  #nextRound(): SessionStep {
    this.#isWhole = this.#isRoundWhole && this.#found > 0 && !this.#preview;
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

/** Records that indexed rows count, by index. */
function recordsOfRows(rows: Uint8Array): Map<number, number> {
  const view = new DataView(rows.buffer, rows.byteOffset, rows.byteLength);
  const records = new Map<number, number>();
  for (let at = 0; at < rows.length; at += INDEXED_ROW_BYTES) {
    const index = Number(view.getBigUint64(at, true));
    records.set(index, Number(view.getBigUint64(at + INDEXED_ROW_BYTES - 8, true)));
  }
  return records;
}
