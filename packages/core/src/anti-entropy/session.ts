/**
 * An anti-entropy session: finds and moves exactly the records in which two replicas of one
 * partition differ. Pure: the shell fetches what a step needs from both sides and hands it in.
 *
 *   roots --differ--> rows (top level) --> rows (next level) ... --> listings --> transfer
 *     ^  \--equal--> nothing (done)                                     ^  \--next chunk--/  |
 *     \-------------------------- next round, compare again ---------------------------------/
 *
 * Cost follows the differences: a session over equal replicas is one root, one over a lost record
 * is one row list a level and one segment's listing. Writes in flight look like differences; moving
 * such a record early is harmless, since applying a record twice changes nothing. A session is
 * bounded by rounds and by segments a round, and what is left is found by the next one.
 */
import type { DigestKernel } from '../digest/kernel.js';
import { allRows, childRanges, DIGEST_LAYOUT, type IndexRange, segmentCounters } from '../digest/layout.js';
import { LIMITS } from '../limits.js';
import type { Listing, VersionRange } from '../protocol/listing.js';
import { mergeListings } from '../quorum/range-read.js';
import { ORIGIN_HIGHEST, ORIGIN_LOWEST, type Version } from '../version.js';

/** What the session needs next, from both sides. */
export type SessionStep =
  | { readonly need: 'roots' }
  | { readonly need: 'rows'; readonly level: number; readonly ranges: readonly IndexRange[] }
  | { readonly need: 'listings'; readonly ranges: readonly VersionRange[] }
  | { readonly need: 'transfer'; readonly pull: readonly Version[]; readonly push: readonly Version[] }
  | { readonly need: 'nothing'; readonly outcome: SessionOutcome };

export interface SessionOutcome {
  /** The roots were equal when they were last compared. */
  readonly equal: boolean;
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
const DIFFERENCES_MAX = 1000;

export class AntiEntropySession {
  readonly #kernel: DigestKernel;
  readonly #preview: boolean;
  #level = DIGEST_LAYOUT.levels - 1;
  #segments: number[] = [];
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

  /** Both roots, one row of 24 bytes each. */
  roots(here: Uint8Array, there: Uint8Array): SessionStep {
    if (here.every((byte, i) => byte === there[i])) return this.#end(true);
    if (this.#rounds >= LIMITS.sessionRoundsMax) return this.#end(false);
    this.#rounds++;
    this.#level = DIGEST_LAYOUT.levels - 1;
    return { need: 'rows', level: this.#level, ranges: [allRows(this.#level)] };
  }

  /** Both sides' indexed rows of the ranges asked for. */
  rows(here: Uint8Array, there: Uint8Array): SessionStep {
    const room =
      this.#level === 0 ? LIMITS.sessionSegmentsMax : Math.ceil(LIMITS.rowsMax / DIGEST_LAYOUT.fanout);
    const indexes = new Float64Array(room);
    const count = this.#kernel.diffRows(here, there, indexes);
    const differing = [...indexes.subarray(0, count)];
    if (differing.length === 0) return this.#nextRound();
    if (this.#level > 0) {
      this.#level--;
      return { need: 'rows', level: this.#level, ranges: childRanges(differing) };
    }
    this.#segments = differing;
    for (const segment of differing) this.#noteDifference(segmentCounters(segment));
    return this.#nextListings();
  }

  /** Both sides' listings, one for each range asked for. */
  listings(here: readonly Listing[], there: readonly Listing[]): SessionStep {
    const pull: Version[] = [];
    const push: Version[] = [];
    for (const [i, hereListing] of here.entries()) {
      const thereListing = there[i];
      if (thereListing === undefined) break;
      const merged = mergeListings(
        new Map([
          ['here', hereListing],
          ['there', thereListing],
        ]),
        LIMITS.batchRecordsMax,
      );
      this.#recordsCompared += merged.entries.length;
      pull.push(...(merged.missing.get('here') ?? []));
      push.push(...(merged.missing.get('there') ?? []));
    }
    this.#missingHere += pull.length;
    this.#missingThere += push.length;
    if (this.#preview || pull.length + push.length === 0) return this.#nextListings();
    return { need: 'transfer', pull, push };
  }

  transferred(): SessionStep {
    return this.#nextListings();
  }

  #nextListings(): SessionStep {
    const chunk = this.#segments.splice(0, SEGMENTS_PER_STEP);
    if (chunk.length === 0) return this.#nextRound();
    const ranges = chunk.map((segment) => {
      const { from, to } = segmentCounters(segment);
      return {
        from: { counter: from, origin: ORIGIN_LOWEST },
        to: { counter: to, origin: ORIGIN_HIGHEST },
        limit: LIMITS.batchRecordsMax,
      };
    });
    return { need: 'listings', ranges };
  }

  #nextRound(): SessionStep {
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
        rounds: this.#rounds,
        missingHere: this.#missingHere,
        missingThere: this.#missingThere,
        recordsCompared: this.#recordsCompared,
        differences: this.#differences,
      },
    };
  }
}
