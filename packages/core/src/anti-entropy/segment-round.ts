/**
 * Compares the segments that differ in one round of a session: some by sketches, as they are planned, the others, and
 * what a sketch fails to compare, by listings. Pure, and a part of the session.
 */
import type { DigestKernel } from '../digest/kernel.js';
import { segmentCounters } from '../digest/layout.js';
import { type Listing, rangeOfCounters, type VersionRange } from '../protocol/listing.js';
import { type RecordItem, TAG_PREFIX_BYTES } from '../protocol/record-items.js';
import { mergeListings, type RangeReadAnswer } from '../quorum/range-read.js';
import type { HeldRecords, SymbolsAnswer } from './answer-symbols.js';
import { type DifferingSegment, planDiff, type SketchPlan } from './plan-diff.js';
import { SegmentSketch, type SketchStep } from './segment-sketch.js';

/** What comparing segments needs of both sides. */
export type CompareStep =
  | SketchStep
  | { readonly need: 'listings'; readonly ranges: readonly VersionRange[] };

export type RoundStep =
  | CompareStep
  /** What was found in some of the segments. */
  | {
      readonly need: 'differences';
      readonly pull: readonly RecordItem[];
      readonly push: readonly RecordItem[];
      readonly recordsCompared: number;
    }
  | { readonly need: 'end'; readonly isWhole: boolean; readonly hasSketchFailed: boolean };

/** Segments whose listings travel in one step: about 4,000 records, 128 KiB a side. */
const SEGMENTS_PER_STEP = 16;
/** How often one round asks for the rest of a segment that holds more records than one listing. */
const CONTINUATIONS_MAX = 256;

export class SegmentRound {
  readonly #kernel: DigestKernel;
  #sketches: SketchPlan[];
  #sketch: SegmentSketch | undefined;
  #hasSketchFailed = false;
  /** Ranges that are still to be listed. */
  readonly #open: VersionRange[];
  /** Those that were asked for last: answers must lie in them. */
  #asked: readonly VersionRange[] = [];
  #continuationsLeft = CONTINUATIONS_MAX;
  #isWhole = true;

  constructor(
    kernel: DigestKernel,
    segments: readonly DifferingSegment[],
    { trimmedTo, usesSketches }: { trimmedTo: number; usesSketches: boolean },
  ) {
    this.#kernel = kernel;
    const plan = planDiff(segments, { trimmedTo });
    this.#sketches = usesSketches ? [...plan.sketches] : [];
    this.#open = (usesSketches ? plan.listed : segments.map(({ segment }) => segment)).map(rangeOfSegment);
  }

  next(): RoundStep {
    const plan = this.#sketches.shift();
    if (plan !== undefined) {
      this.#sketch = new SegmentSketch(this.#kernel, plan);
      return this.#sketch.start();
    }
    const chunk = this.#open.splice(0, SEGMENTS_PER_STEP);
    if (chunk.length === 0)
      return { need: 'end', isWhole: this.#isWhole, hasSketchFailed: this.#hasSketchFailed };
    this.#asked = chunk;
    return { need: 'listings', ranges: chunk };
  }

  held(records: HeldRecords | undefined): RoundStep {
    const sketch = this.#running;
    return this.#after(sketch, sketch.held(records));
  }

  symbols(answer: SymbolsAnswer | undefined): RoundStep {
    const sketch = this.#running;
    return this.#after(sketch, sketch.symbols(answer));
  }

  listings(here: readonly Listing[], there: readonly Listing[]): RoundStep {
    const pull: RecordItem[] = [];
    const push: RecordItem[] = [];
    let recordsCompared = 0;
    for (const [i, range] of this.#asked.entries()) {
      const hereListing = here[i];
      const thereListing = there[i];
      if (hereListing === undefined || thereListing === undefined) {
        this.#isWhole = false;
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
        else this.#isWhole = false;
      }
      recordsCompared += merged.entries.length;
      pull.push(...itemsMissing(merged, 'here'));
      push.push(...itemsMissing(merged, 'there'));
    }
    return { need: 'differences', pull, push, recordsCompared };
  }

  #after(sketch: SegmentSketch, step: ReturnType<SegmentSketch['symbols']>): RoundStep {
    if (step.need === 'findings') {
      const { onlyHere, onlyThere, recordsCompared } = step;
      return { need: 'differences', pull: onlyThere, push: onlyHere, recordsCompared };
    }
    if (step.need !== 'listing') return step;
    // What made this one fail (a peer that errs, far more differences than the rows tell) is true of the others.
    this.#hasSketchFailed = true;
    const left = [...sketch.segments, ...this.#sketches.flatMap(({ segments }) => segments)];
    this.#sketches = [];
    this.#open.push(...left.map(rangeOfSegment));
    return this.next();
  }

  get #running(): SegmentSketch {
    if (this.#sketch === undefined) throw new Error('no sketch was asked for');
    return this.#sketch;
  }
}

function rangeOfSegment(segment: number): VersionRange {
  return rangeOfCounters(segmentCounters(segment));
}

/** The records of the answer that one side lacks. */
function itemsMissing({ entries, missing }: RangeReadAnswer, side: 'here' | 'there'): RecordItem[] {
  const lacked = new Set(missing.get(side));
  return entries
    .filter(({ version }) => lacked.has(version))
    .map(({ version, tag }) => ({ counter: version.counter, tagPrefix: tag.subarray(0, TAG_PREFIX_BYTES) }));
}
