/**
 * Plans how two replicas find their differences in the segments whose rows differ: which of them are listed, and which
 * are compared by sketches, with how many symbols.
 *
 *   a segment, by its rows' counts --> listed     few records there, or so many differences that a sketch costs more
 *                                 \-> sketched   with others, as many as one sketch is made of
 *
 * A listing costs 32 bytes for each record that the peer holds in a segment, a sketch 21 bytes a symbol and about 1.5
 * symbols a difference, whatever the segments hold. How many differences there are is not known, but at how few it can
 * stop: as many as the counts are apart, and two where they are equal, since then each side has something of its own.
 * Where that was too few, the symbols themselves tell about how many there are, and more are asked for, as long as all
 * of them together cost less than the listing: to try a sketch at most doubles the bytes.
 */
import { segmentCounters } from '../digest/layout.js';
import { LIMITS } from '../limits.js';
import { LISTING_ENTRY_BYTES } from '../protocol/listing.js';

/** A segment whose rows differ, and the records that these count. */
export interface DifferingSegment {
  readonly segment: number;
  readonly recordsHere: number;
  readonly recordsThere: number;
}

/** Segments that one sketch compares. */
export interface SketchPlan {
  /** They ascend. */
  readonly segments: readonly number[];
  readonly recordsThere: number;
  /** To begin with. */
  readonly symbols: number;
}

export interface DiffPlan {
  /** They ascend. */
  readonly listed: readonly number[];
  readonly sketches: readonly SketchPlan[];
}

/** Symbols that a difference more takes; a little above, so that a segment of which one side has nothing is listed. */
const SYMBOLS_PER_DIFFERENCE = 1.6;

/** The first exchange, at least: 340 bytes, which settle up to about 8 differences. */
const SYMBOLS_FIRST = 16;

/** The second exchange, at least: about 30 differences. */
const SYMBOLS_SECOND = 48;

/** At least, from then on: a step that is too long costs bytes, one that is too short a round trip. */
const GROWTH = 1.5;

/** Bytes of a symbol in a message. */
const SYMBOL_BYTES = 21;

/** Half of what one sketch may be made of, since there may be more by the time that it is made. */
const RECORDS_PER_SKETCH = LIMITS.sketchRecordsMax / 2;

/** So that a sketch can grow. */
const SYMBOLS_TO_BEGIN_MAX = LIMITS.sketchSymbolsMax / 2;

/** `segments` ascend. At or below the trim watermark rows count what has yet to be removed, and listings are empty. */
export function planDiff(segments: readonly DifferingSegment[], options: { trimmedTo: number }): DiffPlan {
  const listed: number[] = [];
  const sketches: SketchPlan[] = [];
  let open: Batch = new Batch();
  const close = () => {
    if (open.isWorthIt) sketches.push(open.plan);
    else listed.push(...open.plan.segments);
    open = new Batch();
  };
  for (const differing of segments) {
    if (isListed(differing, options.trimmedTo)) listed.push(differing.segment);
    else {
      if (!open.hasRoom(differing)) close();
      open.add(differing);
    }
  }
  close();
  return { listed: listed.sort((a, b) => a - b), sketches };
}

/**
 * How many symbols there are to be in all, after so many that did not complete and let expect that many differences.
 * Undefined: it is to be listed.
 */
export function symbolsAfter(
  tried: { readonly symbols: number; readonly differences: number },
  { recordsThere }: SketchPlan,
): number | undefined {
  const grown = Math.max(SYMBOLS_SECOND, GROWTH * tried.symbols, symbolsFor(tried.differences));
  const symbols = Math.min(Math.ceil(grown), LIMITS.sketchSymbolsMax);
  return symbols > tried.symbols && costsLess(symbols, recordsThere) ? symbols : undefined;
}

function isListed(differing: DifferingSegment, trimmedTo: number): boolean {
  const { segment, recordsHere, recordsThere } = differing;
  return (
    Math.max(1, segmentCounters(segment).from) <= trimmedTo ||
    Math.max(recordsHere, recordsThere) > RECORDS_PER_SKETCH ||
    symbolsFor(differencesOf(differing)) > SYMBOLS_TO_BEGIN_MAX ||
    !costsLess(SYMBOLS_PER_DIFFERENCE * differencesOf(differing), recordsThere)
  );
}

/** At the least. */
function differencesOf({ recordsHere, recordsThere }: DifferingSegment): number {
  return Math.abs(recordsHere - recordsThere) || 2;
}

/** Enough nine times in ten: on average it takes 1.35 each of many, 1.46 of a hundred, 1.73 of ten. */
function symbolsFor(differences: number): number {
  return Math.max(SYMBOLS_FIRST, Math.ceil(1.35 * differences + 4 * Math.sqrt(differences)));
}

function costsLess(symbols: number, recordsThere: number): boolean {
  return symbols * SYMBOL_BYTES < recordsThere * LISTING_ENTRY_BYTES;
}

/** The segments of one sketch. */
class Batch {
  readonly #segments: number[] = [];
  #here = 0;
  #there = 0;
  #differences = 0;

  hasRoom(differing: DifferingSegment): boolean {
    return (
      this.#segments.length < LIMITS.rangesMax &&
      this.#here + differing.recordsHere <= RECORDS_PER_SKETCH &&
      this.#there + differing.recordsThere <= RECORDS_PER_SKETCH &&
      symbolsFor(this.#differences + differencesOf(differing)) <= SYMBOLS_TO_BEGIN_MAX
    );
  }

  add(differing: DifferingSegment): void {
    this.#segments.push(differing.segment);
    this.#here += differing.recordsHere;
    this.#there += differing.recordsThere;
    this.#differences += differencesOf(differing);
  }

  get plan(): SketchPlan {
    return {
      segments: this.#segments,
      recordsThere: this.#there,
      symbols: symbolsFor(this.#differences),
    };
  }

  get isWorthIt(): boolean {
    return this.#segments.length > 0 && costsLess(this.plan.symbols, this.#there);
  }
}
