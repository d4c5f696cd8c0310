/**
 * Who holds a key: of the records in the overlay that carry it the one with the highest claim, and what
 * held it before, for as long as the former is not flushed or may still fail.
 */
import { compareClaims, frameKeyAt, type KeyClaim, LIMITS } from '@mendlog/core';
import { type ArrivalLink, latestBy, without } from './arrival-chain.js';
import { asBuffer } from './as-buffer.js';

export interface KeyHolder extends KeyClaim {
  readonly arrival: number;
}

interface ChainedHolder extends KeyHolder, ArrivalLink<ChainedHolder> {}

/** The bytes of a key, from `start` up to `end`, as a text that sorts as they do. */
export function textOfKey(bytes: Uint8Array, start: number, end: number): string {
  return asBuffer(bytes).toString('latin1', start, end);
}

/**
 * The same of the key of the frame at `start`, which has one, and the attempt of its record. Of a frame that
 * the disk has changed it is some other key, no longer than one can be.
 */
export function keyOfFrame(bytes: Uint8Array, start = 0): { key: string; attempt: number } {
  const { namespace, from, to, attempt } = frameKeyAt(bytes, start);
  const end = Math.min(to, from + LIMITS.keyBytesMax);
  return { key: String.fromCharCode(namespace) + asBuffer(bytes).toString('latin1', from, end), attempt };
}

/** The keys of one partition. */
export class KeyHolders {
  readonly #holders = new Map<string, ChainedHolder>();

  get isEmpty(): boolean {
    return this.#holders.size === 0;
  }

  /** A record whose claim is above what is there. */
  put(key: string, { attempt, version, arrival }: KeyHolder): void {
    this.#holders.set(key, { attempt, version, arrival, before: this.#holders.get(key) });
  }

  /** The holder that arrived up to there; whichever the last is unless told. */
  find(key: string, arrivedBy = Number.POSITIVE_INFINITY): KeyHolder | undefined {
    return latestBy(this.#holders.get(key), arrivedBy);
  }

  /** Forgets the holders for which this is true. */
  forget(isGone: (arrival: number) => boolean): void {
    for (const [key, last] of this.#holders) {
      const left = without(last, isGone);
      if (left === undefined) this.#holders.delete(key);
      else if (left !== last) this.#holders.set(key, left);
    }
  }
}

/** Whether a claim is not above what is there: the record that makes it does not come in. */
export function isSuperseded(claim: KeyClaim, holder: KeyClaim | undefined): boolean {
  return holder !== undefined && compareClaims(holder, claim) > 0;
}
