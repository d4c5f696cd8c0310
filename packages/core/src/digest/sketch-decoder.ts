/**
 * Decodes the difference of two sketches as the symbols of the other side arrive.
 *
 *   push(message, own cells) --> more symbols are needed, or: complete
 *                           \--> MALFORMED: the symbols are wrong, compare rows instead
 *
 * The kernel does the work on the buffers that are kept here. Memory and time are bounded by
 * `symbolsMax`: a peer that never lets the decoding complete gets no further.
 */
import { MendlogError } from '../errors.js';
import { CELL_BYTES, type DigestKernel, PROGRESS_LENGTH } from './kernel.js';

/** A record that only one side has, as a sketch tells it: the holder resolves it. */
export interface SketchItem {
  readonly counter: number;
  /** The first 8 bytes of the record's tag. */
  readonly tagPrefix: Uint8Array;
  readonly side: 'here' | 'there';
}

export class SketchDecoder {
  readonly #kernel: DigestKernel;
  readonly #symbolsMax: number;
  readonly #progress = new Uint32Array(PROGRESS_LENGTH);
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
        `the difference does not decode from ${first} symbols: compare rows`,
      );
    }
    const progress = this.#progress.slice();
    const other = new Uint8Array(room * CELL_BYTES);
    const cells = fromPeer(() => {
      const bytes = this.#kernel.decodeSymbols(message, first, other) * CELL_BYTES;
      const difference = ownCells.slice(0, bytes);
      this.#kernel.subtractSketch(difference, other.subarray(0, bytes));
      return lengthened(this.#cells, difference, bytes);
    });
    const items = lengthened(this.#items, new Uint8Array(0), cells.length - this.#cells.length);
    fromPeer(() => this.#kernel.peelSketch(cells, items, progress));
    this.#cells = cells;
    this.#items = items;
    this.#progress.set(progress);
    return this.complete;
  }

  /** What is found so far; final once `complete`. */
  items(): SketchItem[] {
    const view = new DataView(this.#items.buffer);
    return Array.from({ length: this.#progress[1] ?? 0 }, (_, i) => {
      const at = i * CELL_BYTES;
      const here = view.getInt32(at + 16, true) > 0;
      const sign = here ? 1n : -1n;
      const counter = Number(BigInt.asUintN(64, sign * view.getBigUint64(at, true)) >> 8n);
      const tagPrefix = new Uint8Array(8);
      new DataView(tagPrefix.buffer).setBigUint64(0, sign * view.getBigUint64(at + 8, true), true);
      return { counter, tagPrefix, side: here ? 'here' : 'there' };
    });
  }
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
