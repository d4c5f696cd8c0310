/**
 * Symbols on demand: those of a sketch of all records in some segments, made from what the store lists of them. No
 * sketch is kept. The work is a generator, which pauses after a few thousand records, so that whoever drives it can
 * let others have their turn; what is written meanwhile makes symbols of several moments, which at worst do not decode.
 */
import { CELL_BYTES, type DigestKernel, ROW_BYTES, symbolsBytesMax, TAG_BYTES } from '../digest/kernel.js';
import { type IndexRange, segmentCounters } from '../digest/layout.js';
import { LIMITS } from '../limits.js';
import type { Store } from '../ports/store.js';
import {
  LISTING_ENTRY_BYTES,
  rangeBehind,
  rangeOfCounters,
  tagsOfEntries,
  type VersionRange,
} from '../protocol/listing.js';
import { readCounter } from '../version.js';

/** Segments by index, both ends included; no two ranges meet. */
export interface HeldQuestion {
  readonly partition: string;
  readonly segments: readonly IndexRange[];
}

export interface SymbolsQuestion extends HeldQuestion {
  readonly first: number;
  readonly symbols: number;
}

export interface SymbolsAnswer {
  /** As DigestKernel.encodeSymbols() makes it. */
  readonly message: Uint8Array;
  /** The row of all records that the symbols are made of: where it has changed, further symbols belong to other records. */
  readonly row: Uint8Array;
}

/** What a sketch is made of. */
export interface HeldRecords {
  readonly counters: Float64Array;
  /** 16 bytes each. */
  readonly tags: Uint8Array;
}

/** Ranges that are read before others have their turn: each costs as much as some tens of records. */
const RANGES_PER_TURN = 64;

/** Undefined where there are more than LIMITS.sketchRecordsMax. */
export function* heldRecords(
  store: Pick<Store, 'list'>,
  question: HeldQuestion,
): Generator<void, HeldRecords | undefined> {
  const pieces: HeldRecords[] = [];
  const isAll = yield* readSegments(store, question, (piece) => pieces.push(piece));
  if (!isAll) return undefined;
  const counters = new Float64Array(pieces.reduce((sum, piece) => sum + piece.counters.length, 0));
  const tags = new Uint8Array(counters.length * TAG_BYTES);
  let at = 0;
  for (const piece of pieces) {
    counters.set(piece.counters, at);
    tags.set(piece.tags, at * TAG_BYTES);
    at += piece.counters.length;
  }
  return { counters, tags };
}

/** Undefined where the segments hold more than LIMITS.sketchRecordsMax records. */
export function* answerSymbols(
  store: Pick<Store, 'list'>,
  kernel: DigestKernel,
  question: SymbolsQuestion,
): Generator<void, SymbolsAnswer | undefined> {
  const { first, symbols } = question;
  const cells = new Uint8Array(symbols * CELL_BYTES);
  const row = new Uint8Array(ROW_BYTES);
  const isAll = yield* readSegments(store, question, ({ counters, tags }) => {
    kernel.addToSketch(cells, first, counters, tags, 1);
    kernel.addTags(row, new Uint32Array(counters.length), tags, 1);
  });
  if (!isAll) return undefined;
  const message = new Uint8Array(symbolsBytesMax(symbols));
  return { message: message.slice(0, kernel.encodeSymbols(cells, first, message)), row };
}

/** Gives the records piece by piece. Returns whether these were all: it ends early where they are too many. */
function* readSegments(
  store: Pick<Store, 'list'>,
  { partition, segments }: HeldQuestion,
  take: (piece: HeldRecords) => void,
): Generator<void, boolean> {
  let records = 0;
  let turn = { records: 0, ranges: 0 };
  for (const { from, to } of segments) {
    let range: VersionRange | undefined = rangeOfCounters({
      from: segmentCounters(from).from,
      to: segmentCounters(to).to,
    });
    while (range !== undefined) {
      if (turn.records >= LIMITS.batchRecordsMax || turn.ranges >= RANGES_PER_TURN) {
        yield;
        turn = { records: 0, ranges: 0 };
      }
      const listing = store.list(partition, range);
      const piece = recordsOf(listing.entries);
      records += piece.counters.length;
      if (records > LIMITS.sketchRecordsMax) return false;
      take(piece);
      turn.records += piece.counters.length;
      turn.ranges++;
      range = rangeBehind(range, listing);
    }
  }
  return true;
}

function recordsOf(entries: Uint8Array): HeldRecords {
  const count = entries.length / LISTING_ENTRY_BYTES;
  const view = new DataView(entries.buffer, entries.byteOffset, entries.byteLength);
  const counters = new Float64Array(count);
  for (let i = 0; i < count; i++) counters[i] = readCounter(view, i * LISTING_ENTRY_BYTES);
  return { counters, tags: tagsOfEntries(entries) };
}
