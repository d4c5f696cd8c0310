/**
 * Compares some segments of two replicas by a sketch: the differences come out of a few symbols, whatever the segments
 * hold. Pure, and a part of the session.
 *
 *   start --> held (what is here) --> symbols (of the peer) --complete--> found
 *     ^                                 | ^ \--too few---/|
 *     \-------its records changed-------/                 \-wrong, or as much as a listing--> failed
 *
 * The own records are read once and kept, 24 bytes each, so that all own symbols are of one moment. The peer keeps
 * nothing: with each message it tells the row of what the symbols are made of. Where that has changed between two, the
 * symbols do not belong together, and all of it begins anew with as many as were wanted last.
 *
 * What comes out is held against what is here: it lies in the segments, and is here or is not, as it claims. What a
 * peer sends that does not fit fails the sketch, and the segments are listed. What fits and is wrong all the same (it
 * lied, or 64-bit sums met by chance) the next round's comparison of roots shows.
 * Should two records ever share a version, a sketch tells of both: both are moved, and the store keeps the one that wins.
 */
import { CELL_BYTES, type DigestKernel, ROW_BYTES, TAG_BYTES } from '../digest/kernel.js';
import { type IndexRange, joinedRanges, rowIndexOf } from '../digest/layout.js';
import { SketchDecoder, type SketchItem } from '../digest/sketch-decoder.js';
import { toMendlogError } from '../errors.js';
import { LIMITS } from '../limits.js';
import { hasPrefix, type RecordItem } from '../protocol/record-items.js';
import type { HeldRecords, SymbolsAnswer } from './answer-symbols.js';
import { type SketchPlan, symbolsAfter } from './plan-diff.js';

export type SketchStep =
  /** What this side holds in these segments, as heldRecords() reads it. */
  | { readonly need: 'held'; readonly segments: readonly IndexRange[] }
  /** Symbols of what the peer holds in them, as answerSymbols() makes them. */
  | {
      readonly need: 'symbols';
      readonly segments: readonly IndexRange[];
      readonly first: number;
      readonly symbols: number;
    };

export interface SketchFindings {
  readonly need: 'findings';
  readonly onlyHere: readonly RecordItem[];
  readonly onlyThere: readonly RecordItem[];
  readonly recordsCompared: number;
}

const FAILED = { need: 'listing' } as const;

/** How often a sketch begins anew because the peer's records have changed. */
const RESTARTS_MAX = 2;

export class SegmentSketch {
  readonly #kernel: DigestKernel;
  readonly #plan: SketchPlan;
  readonly #segments: readonly IndexRange[];
  #wanted: number;
  #held: HeldRecords = { counters: new Float64Array(0), tags: new Uint8Array(0) };
  #decoder: SketchDecoder;
  #row: Uint8Array | undefined;
  #restarts = 0;

  constructor(kernel: DigestKernel, plan: SketchPlan) {
    this.#kernel = kernel;
    this.#plan = plan;
    this.#segments = joinedRanges(plan.segments, (index) => ({ from: index, to: index }));
    this.#wanted = plan.symbols;
    this.#decoder = new SketchDecoder(kernel, { symbolsMax: LIMITS.sketchSymbolsMax });
  }

  get segments(): readonly number[] {
    return this.#plan.segments;
  }

  start(): SketchStep {
    this.#decoder = new SketchDecoder(this.#kernel, { symbolsMax: LIMITS.sketchSymbolsMax });
    this.#row = undefined;
    return { need: 'held', segments: this.#segments };
  }

  held(records: HeldRecords | undefined): SketchStep | typeof FAILED {
    if (records === undefined) return FAILED;
    this.#held = records;
    return this.#ask();
  }

  symbols(answer: SymbolsAnswer | undefined): SketchStep | SketchFindings | typeof FAILED {
    if (answer === undefined || answer.row.length !== ROW_BYTES) return FAILED;
    if (this.#row?.some((byte, i) => byte !== answer.row[i])) {
      return this.#restarts++ < RESTARTS_MAX ? this.start() : FAILED;
    }
    this.#row = answer.row;
    if (!this.#takes(answer.message)) return FAILED;
    if (this.#decoder.complete) return this.#findings();
    const { symbols, differencesEstimate } = this.#decoder;
    const wanted = symbolsAfter({ symbols, differences: differencesEstimate }, this.#plan);
    if (wanted === undefined) return FAILED;
    this.#wanted = wanted;
    return this.#ask();
  }

  #ask(): SketchStep {
    const first = this.#decoder.symbols;
    return { need: 'symbols', segments: this.#segments, first, symbols: this.#wanted - first };
  }

  /** Whether the message is the symbols that were asked for, and contradicts nothing. */
  #takes(message: Uint8Array): boolean {
    const first = this.#decoder.symbols;
    const own = new Uint8Array((this.#wanted - first) * CELL_BYTES);
    this.#kernel.addToSketch(own, first, this.#held.counters, this.#held.tags, 1);
    try {
      this.#decoder.push(message, own);
    } catch (thrown) {
      if (toMendlogError(thrown).code !== 'MALFORMED') throw thrown;
      return false;
    }
    return this.#decoder.symbols === this.#wanted;
  }

  #findings(): SketchFindings | typeof FAILED {
    const items = this.#decoder.items();
    const found = new Set(items.map(({ counter }) => counter));
    const tagsHere = new Map<number, Uint8Array[]>();
    for (const [i, counter] of this.#held.counters.entries()) {
      if (!found.has(counter)) continue;
      const tag = this.#held.tags.subarray(i * TAG_BYTES, (i + 1) * TAG_BYTES);
      const tags = tagsHere.get(counter);
      if (tags === undefined) tagsHere.set(counter, [tag]);
      else tags.push(tag);
    }
    const fits = ({ counter, tagPrefix, side }: SketchItem) => {
      const isHere = tagsHere.get(counter)?.some((tag) => hasPrefix(tag, tagPrefix)) === true;
      const segment = rowIndexOf(counter, 0);
      return (
        isHere === (side === 'here') &&
        this.#segments.some(({ from, to }) => from <= segment && segment <= to)
      );
    };
    if (!items.every(fits)) return FAILED;
    const onlyHere = items.filter(({ side }) => side === 'here');
    const onlyThere = items.filter(({ side }) => side === 'there');
    const recordsCompared = this.#held.counters.length + onlyThere.length;
    return { need: 'findings', onlyHere, onlyThere, recordsCompared };
  }
}
