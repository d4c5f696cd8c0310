/**
 * What one transaction of the index writes, worked out before it begins. Values lie back to back in chunks and keys
 * in one buffer: a step writes several values for each of thousands of partitions, and a buffer of its own for
 * each would cost more than what is in it.
 */
import type { Database } from 'lmdb';

/** Bytes of values that are allocated at a time. */
const CHUNK_BYTES = 64 * 1024;

type Table = Database<Uint8Array, Buffer>;

export class IndexWrites {
  readonly #tables: Table[] = [];
  readonly #keyEnds: number[] = [];
  readonly #values: (Uint8Array | undefined)[] = [];
  #keys = Buffer.allocUnsafe(1024);
  #keysEnd = 0;
  #chunk = Buffer.alloc(0);
  #view = new DataView(this.#chunk.buffer);
  #start = 0;
  /** Where in `bytes` the next byte of the value goes that was begun. */
  at = 0;

  get size(): number {
    return this.#tables.length;
  }

  /** Where values are written; another one after each begin(). */
  get bytes(): Buffer {
    return this.#chunk;
  }

  /** On the same bytes. */
  get view(): DataView {
    return this.#view;
  }

  /** Begins a value of so many bytes at most, or several. */
  begin(bytesMax: number): void {
    if (this.at + bytesMax > this.#chunk.length) {
      this.#chunk = Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, bytesMax));
      this.#view = new DataView(this.#chunk.buffer);
      this.at = 0;
    }
    this.#start = this.at;
  }

  /** The value is written up to `at`; what is left of the bytes that were asked for may be begun with another one. */
  end(): Uint8Array {
    const value = new Uint8Array(this.#chunk.buffer, this.#start, this.at - this.#start);
    this.#start = this.at;
    return value;
  }

  /** The key is copied; the value is not, and stays as it is until the transaction is done. */
  put(table: Table, key: Uint8Array, value: Uint8Array): void {
    this.#add(table, key, value);
  }

  remove(table: Table, key: Uint8Array): void {
    this.#add(table, key, undefined);
  }

  /** Inside the transaction. */
  run(): void {
    let start = 0;
    for (let i = 0; i < this.#tables.length; i++) {
      const table = this.#tables[i] as Table;
      const end = this.#keyEnds[i] as number;
      const key = scratchOf(end - start);
      for (let at = start; at < end; at++) key[at - start] = this.#keys[at] as number;
      const value = this.#values[i];
      if (value === undefined) void table.remove(key);
      else void table.put(key, value);
      start = end;
    }
  }

  #add(table: Table, key: Uint8Array, value: Uint8Array | undefined): void {
    const end = this.#keysEnd + key.length;
    if (end > this.#keys.length) {
      const more = Buffer.allocUnsafe(Math.max(end, 2 * this.#keys.length));
      more.set(this.#keys.subarray(0, this.#keysEnd));
      this.#keys = more;
    }
    for (let i = 0; i < key.length; i++) this.#keys[this.#keysEnd + i] = key[i] as number;
    this.#keysEnd = end;
    this.#tables.push(table);
    this.#keyEnds.push(end);
    this.#values.push(value);
  }
}

/** One key of each length, since LMDB copies keys at once; no key is longer than a kilobyte and some bytes. */
const scratches: Buffer[] = [];

function scratchOf(length: number): Buffer {
  let scratch = scratches[length];
  if (scratch === undefined) {
    scratch = Buffer.alloc(length);
    scratches[length] = scratch;
  }
  return scratch;
}
