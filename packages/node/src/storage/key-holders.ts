/**
 * Who holds a key: of the records in the overlay that carry it the one with the highest claim, and what
 * held it before, for as long as the former is not flushed or may still fail.
 */
import { compareClaims, type KeyClaim } from '@mendlog/core';
import { compareAppendKeyTo } from './append-keys.js';
import { type ArrivalLink, latestBy, without } from './arrival-chain.js';
import { isAppendKey } from './key-text.js';
import type { Run } from './located-record.js';
import { lowerBound } from './lower-bound.js';

export interface KeyHolder extends KeyClaim {
  readonly arrival: number;
}

interface ChainedHolder extends KeyHolder, ArrivalLink<ChainedHolder> {}

/**
 * The keys of one partition. Append keys that came above all others stay where they are, in the entries: nobody held
 * them before, and a text and a claim for each would live as long as the index needs to follow.
 */
export class KeyHolders {
  readonly #holders = new Map<string, ChainedHolder>();
  /** Of records with ascending append keys, each run above the one before it. */
  #appends: Run[] = [];

  get isEmpty(): boolean {
    return this.#holders.size === 0 && this.#appends.length === 0;
  }

  /** A record whose claim is above what is there. */
  put(key: string, { attempt, version, arrival }: KeyHolder): void {
    this.#holders.set(key, { attempt, version, arrival, before: this.#holders.get(key) });
  }

  /** Records whose append keys ascend, above all that were ever put. */
  putAppends(run: Run): void {
    this.#appends.push(run);
  }

  /** The holder that arrived up to there; whichever the last is unless told. */
  find(key: string, arrivedBy = Number.POSITIVE_INFINITY): KeyHolder | undefined {
    return latestBy(this.#holders.get(key), arrivedBy) ?? this.#findAppend(key, arrivedBy);
  }

  /** Forgets the holders for which this is true. */
  forget(isGone: (arrival: number) => boolean): void {
    if (this.#appends.length > 0) this.#appends = this.#appends.filter(({ arrival }) => !isGone(arrival));
    for (const [key, last] of this.#holders) {
      const left = without(last, isGone);
      if (left === undefined) this.#holders.delete(key);
      else if (left !== last) this.#holders.set(key, left);
    }
  }

  #findAppend(key: string, arrivedBy: number): KeyHolder | undefined {
    if (this.#appends.length === 0 || !isAppendKey(key)) return undefined;
    const isBelow = ({ entry }: Run, place: number) =>
      compareAppendKeyTo(entry.bytes, entry.appendKeyAt(place), key) < 0;
    const at = lowerBound(this.#appends.length, (i) => {
      const run = this.#appends[i] as Run;
      return isBelow(run, run.to - 1);
    });
    const run = this.#appends[at];
    if (run === undefined || run.arrival > arrivedBy) return undefined;
    const { entry, from, to, arrival } = run;
    const place = from + lowerBound(to - from, (i) => isBelow(run, from + i));
    const keyAt = entry.appendKeyAt(place);
    if (compareAppendKeyTo(entry.bytes, keyAt, key) !== 0) return undefined;
    return { attempt: entry.bytes[keyAt - 1] as number, version: entry.version(place), arrival };
  }
}

/** Whether a claim is not above what is there: the record that makes it does not come in. */
export function isSuperseded(claim: KeyClaim, holder: KeyClaim | undefined): boolean {
  return holder !== undefined && compareClaims(holder, claim) > 0;
}
