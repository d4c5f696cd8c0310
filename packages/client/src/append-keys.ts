/**
 * Keys of appends that may be retried: UUIDs of version 7 (RFC 9562): 48 bits of milliseconds, a counter of 12 bits, and
 * 62 random bits. Those of a process ascend, each above all before it (section 6.2 of the RFC, method 1), so a store that
 * is given a new one knows without a look-up that nobody holds it. The counter begins at random in each millisecond.
 * Random bytes are taken from the system many at a time.
 */
import { randomFillSync } from 'node:crypto';

const POOL_KEYS = 512;
const RANDOM_BYTES = 10;
const COUNTER_MAX = 0xfff;
/** The counter begins in the lower half: in one millisecond there is room for 2,048 keys at least. */
const FIRST_MASK = 0x7ff;

export class AppendKeys {
  readonly #pool = Buffer.alloc(POOL_KEYS * RANDOM_BYTES);
  #next = POOL_KEYS;
  #lastMs = 0;
  #counter = 0;

  /** Above all keys before it, also where the clock goes back, or more keys are made than a millisecond has room for. */
  make(nowMs: number): Uint8Array {
    if (this.#next === POOL_KEYS) {
      randomFillSync(this.#pool);
      this.#next = 0;
    }
    const at = this.#next++ * RANDOM_BYTES;
    if (nowMs > this.#lastMs) this.#begin(nowMs, at);
    else if (this.#counter === COUNTER_MAX) this.#begin(this.#lastMs + 1, at);
    else this.#counter++;
    const key = new Uint8Array(6 + RANDOM_BYTES);
    let ms = this.#lastMs;
    for (let i = 5; i >= 0; i--) {
      key[i] = ms % 256;
      ms = Math.floor(ms / 256);
    }
    key[6] = 0x70 | (this.#counter >> 8);
    key[7] = this.#counter & 0xff;
    for (let i = 2; i < RANDOM_BYTES; i++) key[6 + i] = this.#pool[at + i] as number;
    key[8] = 0x80 | ((key[8] as number) & 0x3f);
    return key;
  }

  #begin(ms: number, at: number): void {
    this.#lastMs = ms;
    this.#counter = this.#pool.readUInt16BE(at) & FIRST_MASK;
  }
}

/** One for all clients of the process. */
const keys = new AppendKeys();

export function newAppendKey(nowMs: number): Uint8Array {
  return keys.make(nowMs);
}
