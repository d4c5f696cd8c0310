/**
 * Records that one read looks for, in columns: what is sought of each, and where it was found. Objects of their own
 * would cost more than finding them; columns are kept from read to read.
 *
 * What is known of who holds a key lies in `claims` as it travels: state, attempt, version and tag of each. What is
 * sought is unknown until it is found.
 */
import {
  CLAIM_TAG_AT,
  CLAIM_VERSION_AT,
  KEY_ABSENT,
  KEY_CLAIM_BYTES,
  KEY_HELD,
  KEY_UNKNOWN,
  readCounter,
  readVersion,
  TAG_BYTES,
  VERSION_BYTES,
  type Version,
  writeVersion,
} from '@mendlog/core';
import { copyBytes } from './copy-bytes.js';
import type { LocatedRecord } from './located-record.js';
import type { LogEntry } from './log-entry.js';
import { sortPlaces } from './sorted-places.js';

export class FoundRecords {
  readonly capacity: number;
  readonly claims: Uint8Array;
  readonly claimView: DataView;
  /** Of those that were found: where they lie in the log, and the bytes of their frames. */
  readonly arrivals: Float64Array;
  readonly ordinals: Uint16Array;
  readonly lengths: Uint32Array;
  /** Where its entry is in memory: it, and the place in it. */
  readonly entries: (LogEntry | undefined)[];
  readonly places: Uint32Array;
  readonly #numbers: Float64Array;
  readonly #listed: Uint32Array;
  readonly #order: Uint32Array;
  #hasEntries = false;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.claims = new Uint8Array(capacity * KEY_CLAIM_BYTES);
    this.claimView = new DataView(this.claims.buffer);
    this.arrivals = new Float64Array(capacity);
    this.ordinals = new Uint16Array(capacity);
    this.lengths = new Uint32Array(capacity);
    this.entries = new Array<LogEntry | undefined>(capacity).fill(undefined);
    this.places = new Uint32Array(capacity);
    this.#numbers = new Float64Array(capacity);
    this.#listed = new Uint32Array(capacity);
    this.#order = new Uint32Array(capacity);
  }

  isHeld(i: number): boolean {
    return this.claims[i * KEY_CLAIM_BYTES] === KEY_HELD;
  }

  /** Whether it is held there in the log. */
  isAt(i: number, arrival: number, ordinal: number): boolean {
    return this.isHeld(i) && this.arrivals[i] === arrival && this.ordinals[i] === ordinal;
  }

  counter(i: number): number {
    return readCounter(this.claimView, versionAt(i));
  }

  version(i: number): Version {
    return readVersion(this.claimView, versionAt(i));
  }

  setAbsent(i: number): void {
    this.#clear(i, KEY_ABSENT);
  }

  setUnknown(i: number): void {
    this.#clear(i, KEY_UNKNOWN);
  }

  /** Seeks a version, and the attempt of its record where that is known. */
  seek(i: number, version: Version, attempt = 0): void {
    const at = i * KEY_CLAIM_BYTES;
    this.claims[at] = KEY_UNKNOWN;
    this.claims[at + 1] = attempt;
    writeVersion(this.claimView, at + CLAIM_VERSION_AT, version);
  }

  /** The same of a version in bytes. */
  seekBytes(i: number, version: Uint8Array, attempt: number): void {
    const at = i * KEY_CLAIM_BYTES;
    this.claims[at] = KEY_UNKNOWN;
    this.claims[at + 1] = attempt;
    copyBytes(this.claims, at + CLAIM_VERSION_AT, { from: version, start: 0, length: VERSION_BYTES });
  }

  /** It is there, and this is its tag. */
  setTag(i: number, from: Uint8Array, start: number): void {
    const at = i * KEY_CLAIM_BYTES;
    this.claims[at] = KEY_HELD;
    copyBytes(this.claims, at + CLAIM_TAG_AT, { from, start, length: TAG_BYTES });
  }

  set(i: number, { tag, arrival, ordinal, length, entry, place }: LocatedRecord): void {
    this.setTag(i, tag, 0);
    this.arrivals[i] = arrival;
    this.ordinals[i] = ordinal;
    this.lengths[i] = length;
    this.places[i] = place ?? 0;
    if (entry === undefined) return;
    this.entries[i] = entry;
    this.#hasEntries = true;
  }

  /** The read is over: no entry is kept in memory by it. */
  release(): void {
    if (this.#hasEntries) this.entries.fill(undefined);
    this.#hasEntries = false;
  }

  /** Whether the tag at this place of others is its own. */
  hasTag(i: number, tags: DataView, at: number): boolean {
    const own = i * KEY_CLAIM_BYTES + CLAIM_TAG_AT;
    for (let byte = 0; byte < TAG_BYTES; byte += 4)
      if (this.claimView.getUint32(own + byte) !== tags.getUint32(at + byte)) return false;
    return true;
  }

  /** A copy of the first so many claims; of those that were not found nothing is told, nor what lay there before. */
  packed(count: number): Uint8Array {
    for (let i = 0; i < count; i++) if (this.claims[i * KEY_CLAIM_BYTES] === KEY_UNKNOWN) this.setUnknown(i);
    return this.claims.slice(0, count * KEY_CLAIM_BYTES);
  }

  /** Those from `from` up to `to` that are sought, by ascending counter. The next order overwrites this one. */
  soughtByCounter(from: number, to: number): Uint32Array {
    let count = 0;
    for (let i = from; i < to; i++) {
      if (this.claims[i * KEY_CLAIM_BYTES] !== KEY_UNKNOWN) continue;
      this.#numbers[count] = this.counter(i);
      this.#listed[count++] = i;
    }
    const order = this.#inOrder(count);
    for (let j = 0; j < count; j++) order[j] = this.#listed[order[j] as number] as number;
    return order;
  }

  /** Where in the list each lies, in the order in which they arrived. The next order overwrites this one. */
  byArrival(listed: Uint32Array): Uint32Array {
    for (let j = 0; j < listed.length; j++) this.#numbers[j] = this.arrivals[listed[j] as number] as number;
    return this.#inOrder(listed.length);
  }

  #inOrder(count: number): Uint32Array {
    sortPlaces(this.#numbers, count, this.#order);
    return this.#order.subarray(0, count);
  }

  #clear(i: number, state: number): void {
    this.claims.fill(0, i * KEY_CLAIM_BYTES, (i + 1) * KEY_CLAIM_BYTES);
    this.claims[i * KEY_CLAIM_BYTES] = state;
  }
}

function versionAt(i: number): number {
  return i * KEY_CLAIM_BYTES + CLAIM_VERSION_AT;
}
