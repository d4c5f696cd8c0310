/**
 * Decodes the difference of two sketches as the symbols of the other side arrive.
 *
 *   push(message, own cells) --> more symbols are needed, or: complete
 *                           \--> MALFORMED: the symbols are wrong, compare listings instead
 *
 * The kernel does the work on the buffers that are kept here. Memory and time are bounded by
 * `symbolsMax`: a peer that never lets the decoding complete gets no further.
 */
import { MendlogError } from '../errors.js';
import { type RecordItem, TAG_PREFIX_BYTES } from '../protocol/record-items.js';
import { CELL_BYTES, type DigestKernel, PROGRESS_LENGTH } from './kernel.js';

/** A record that only one side has. */
export interface SketchItem extends RecordItem {
  readonly side: 'here' | 'there';
}

export class SketchDecoder {
  readonly #kernel: DigestKernel;
  readonly #symbolsMax: number;
  readonly #progress = new Uint32Array(PROGRESS_LENGTH);
  /** How many items each symbol of the difference holds, those of the other side counted negative. */
  #counts: readonly number[] = [];
  #cells = new Uint8Array(0);
  #items = new Uint8Array(0);

  /** `symbolsMax` bounds what a decoding takes, as a rule 1.4 times the differences worth finding. */
  constructor(kernel: DigestKernel, options: { symbolsMax: number }) {
    this.#kernel = kernel;
    this.#symbolsMax = options.symbolsMax;
  }

  /** Symbols taken in so far: the next message must begin with this one. */
  get symbols(): number {
    return this.#cells.length / CELL_BYTES;
  }

  /** All differences are found. */
  get complete(): boolean {
    return this.symbols > 0 && this.#progress[2] === 0;
  }

  /**
   * Takes a message of the other side's next symbols, and the own cells of the symbols from `symbols`
   * on, at least as many. Returns `complete`. A message that is malformed, or contradicts what came
   * before, throws MALFORMED and leaves the decoder as it was; symbols beyond `symbolsMax` throw TOO_LARGE.
   */
  push(message: Uint8Array, ownCells: Uint8Array): boolean {
    const first = this.symbols;
    const room = Math.min(ownCells.length / CELL_BYTES, this.#symbolsMax - first);
    if (room <= 0) {
      throw new MendlogError(
        'TOO_LARGE',
        `the difference does not decode from ${first} symbols: compare listings`,
      );
    }
    const progress = this.#progress.slice();
    const other = new Uint8Array(room * CELL_BYTES);
    let counts: readonly number[] = [];
    const cells = fromPeer(() => {
      const bytes = this.#kernel.decodeSymbols(message, first, other) * CELL_BYTES;
      const difference = ownCells.slice(0, bytes);
      this.#kernel.subtractSketch(difference, other.subarray(0, bytes));
      counts = countsOf(difference);
      return lengthened(this.#cells, difference, bytes);
    });
    const items = lengthened(this.#items, new Uint8Array(0), cells.length - this.#cells.length);
    fromPeer(() => this.#kernel.peelSketch(cells, items, progress));
    this.#cells = cells;
    this.#counts = [...this.#counts, ...counts];
    this.#items = items;
    this.#progress.set(progress);
    return this.complete;
  }

  /**
   * How many differences there are, as the symbols so far let expect: within a third or so of it after 16 symbols, and a
   * seventh after 100. The first symbol holds all, so its count is how far the two counts are apart. Symbol i holds an
   * item with the probability p = 1 / (1 + i / 2), so that with d differences its count varies by p * (1 - p) * d around
   * p times the first one's.
   */
  get differencesEstimate(): number {
    const [apart = 0, ...others] = this.#counts;
    let sum = 0;
    for (const [i, count] of others.entries()) {
      const p = 1 / (1 + (i + 1) / 2);
      sum += (count - p * apart) ** 2 / (p * (1 - p));
    }
    return Math.max(Math.abs(apart), this.#progress[1] ?? 0, sum / Math.max(1, others.length));
  }

  /** What is found so far; final once `complete`. */
  items(): SketchItem[] {
    const view = new DataView(this.#items.buffer);
    return Array.from({ length: this.#progress[1] ?? 0 }, (_, i) => {
      const at = i * CELL_BYTES;
      const here = view.getInt32(at + 16, true) > 0;
      const sign = here ? 1n : -1n;
      const counter = Number(BigInt.asUintN(64, sign * view.getBigUint64(at, true)) >> 8n);
      const tagPrefix = new Uint8Array(TAG_PREFIX_BYTES);
      new DataView(tagPrefix.buffer).setBigUint64(0, sign * view.getBigUint64(at + 8, true), true);
      return { counter, tagPrefix, side: here ? 'here' : 'there' };
    });
  }
}

/** The low half of a cell's seals. */
function countsOf(cells: Uint8Array): number[] {
  const view = new DataView(cells.buffer, cells.byteOffset, cells.byteLength);
  return Array.from({ length: cells.length / CELL_BYTES }, (_, i) =>
    view.getInt32(i * CELL_BYTES + 16, true),
  );
}

/** `bytes` and after them `more`, with room for `moreLength`. */
function lengthened(bytes: Uint8Array, more: Uint8Array, moreLength: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(bytes.length + moreLength);
  whole.set(bytes);
  whole.set(more, bytes.length);
  return whole;
}

/** What a kernel finds wrong with the bytes of a peer. */
function fromPeer<Result>(call: () => Result): Result {
  try {
    return call();
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new MendlogError('MALFORMED', `the peer's sketch cannot be used: ${cause.message}`, { cause });
  }
}
