/**
 * Plans how two replicas find their differences: what to exchange next, and why.
 *
 *   counts --> transfer   one side has nothing, or so little that telling costs more than sending
 *          \-> sketch     a few symbols, then half as many again, up to what both sides maintain
 *           \-> rows      more differs than a sketch finds, or it is known where
 *
 * Symbols cost about 21 bytes and 1.4 of them find one difference, wherever it is. Rows cost a list of 256
 * a level and a listing a segment, whatever differs there, so they win where damage is large or in one
 * place. A whole sketch costs about as much as one walk down the rows: to try it first at most doubles
 * the bytes of a repair, and makes the usual one, of few records, a hundred times cheaper.
 */
import { LISTING_ENTRY_BYTES } from '../protocol/listing.js';

export interface DiffKnown {
  readonly recordsHere: number;
  readonly recordsThere: number;
  /** Bytes of a record on the wire, on average. */
  readonly recordBytes: number;
  /** Symbols that both sides maintain; 0 where one has no sketch at hand. */
  readonly sketchSymbols: number;
  /** Symbols that were exchanged and did not complete. */
  readonly symbolsTried: number;
  /** The peer's symbols were malformed or contradicted each other. */
  readonly sketchWrong: boolean;
  /** All differences lie in a range that is known, such as that of expired hints. */
  readonly rangeKnown: boolean;
}

export type DiffReason =
  | 'ONE_SIDE_EMPTY'
  | 'TELLING_COSTS_MORE'
  | 'RANGE_KNOWN'
  | 'NO_SKETCH'
  | 'SKETCH_WRONG'
  | 'TOO_MANY_DIFFER'
  | 'FEW_MAY_DIFFER'
  | 'MORE_DIFFER';

export type DiffPlan =
  /** Send all records of that side; the other one answers with those that were not among them. */
  | { readonly method: 'transfer'; readonly from: 'here' | 'there'; readonly reason: DiffReason }
  /** Exchange the symbols from `first` on; so many. */
  | {
      readonly method: 'sketch';
      readonly first: number;
      readonly symbols: number;
      readonly reason: DiffReason;
    }
  | { readonly method: 'rows'; readonly reason: DiffReason };

/** Symbols a difference takes, with room for an unlucky draw: 1.36 at the best, 1.7 for a handful. */
const SYMBOLS_PER_DIFFERENCE = 1.5;

/** The first exchange: 340 bytes, which settle up to about 8 differences. */
const SYMBOLS_FIRST = 16;

/** The second exchange: about 30 differences. */
const SYMBOLS_SECOND = 48;

/** From then on: a step that is too long costs bytes, one that is too short a round trip. */
const GROWTH = 1.5;

/** Bytes of a symbol in a message. */
const SYMBOL_BYTES = 21;

export function planDiff(known: DiffKnown): DiffPlan {
  const { recordsHere, recordsThere, sketchSymbols, symbolsTried } = known;
  const from = recordsHere > recordsThere ? 'here' : 'there';
  const fewer = Math.min(recordsHere, recordsThere);
  const more = Math.max(recordsHere, recordsThere);
  if (fewer === 0) return { method: 'transfer', from, reason: 'ONE_SIDE_EMPTY' };
  // At least the gap between the counts differs.
  const needed = Math.max(SYMBOLS_FIRST, Math.ceil((more - fewer) * SYMBOLS_PER_DIFFERENCE));
  const sketchBytes = needed <= sketchSymbols ? needed * SYMBOL_BYTES : Number.POSITIVE_INFINITY;
  // A transfer sends in vain what the other side had, at worst all of it.
  if (fewer * known.recordBytes < Math.min(sketchBytes, more * LISTING_ENTRY_BYTES)) {
    return { method: 'transfer', from, reason: 'TELLING_COSTS_MORE' };
  }
  if (known.sketchWrong) return { method: 'rows', reason: 'SKETCH_WRONG' };
  if (known.rangeKnown) return { method: 'rows', reason: 'RANGE_KNOWN' };
  if (sketchSymbols === 0) return { method: 'rows', reason: 'NO_SKETCH' };
  if (needed > sketchSymbols || symbolsTried >= sketchSymbols)
    return { method: 'rows', reason: 'TOO_MANY_DIFFER' };
  const grown =
    symbolsTried === 0 ? SYMBOLS_FIRST : Math.max(SYMBOLS_SECOND, Math.ceil(GROWTH * symbolsTried));
  const end = Math.min(sketchSymbols, Math.max(needed, grown));
  return {
    method: 'sketch',
    first: symbolsTried,
    symbols: end - symbolsTried,
    reason: symbolsTried === 0 ? 'FEW_MAY_DIFFER' : 'MORE_DIFFER',
  };
}
