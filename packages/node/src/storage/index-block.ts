/**
 * Blocks of the index: where the records of 25 consecutive counters lie.
 *
 *   per record 44 bytes: version 16 | tag 16 | arrival u48 | key u1, tombstone u1, ordinal u14 | bytes of the frame u32
 *
 * Numbers are big-endian; records ascend by version. A block is what one look-up reads and one change
 * writes: as a rule four fifths of a page, with which a partition's new records cost one write a step,
 * not one each. Version and tag lie as in an entry of the log, and of a listing.
 */
import {
  CLAIM_VERSION_AT,
  compareVersionAt,
  KEY_CLAIM_BYTES,
  LISTING_ENTRY_BYTES,
  readCounter,
  readVersion,
  TAG_BYTES,
  VERSION_BYTES,
  type Version,
} from '@mendlog/core';
import { copyBytes } from './copy-bytes.js';
import type { FoundRecords } from './found-records.js';
import type { LocatedRecord, Run } from './located-record.js';
import { lowerBound } from './lower-bound.js';

/** Counters of a block. Three such blocks of dense counters fill a page of LMDB, which holds no half ones. */
const BLOCK_COUNTERS = 25;
const TAG_AT = VERSION_BYTES;
const ARRIVAL_AT = TAG_AT + TAG_BYTES;
const ARRIVAL_BYTES = 6;
const ORDINAL_AT = ARRIVAL_AT + ARRIVAL_BYTES;
const KEY_BIT = 0x8000;
const TOMBSTONE_BIT = 0x4000;
const LENGTH_AT = ORDINAL_AT + 2;
const RECORD_BYTES = LENGTH_AT + 4;

export function blockOf(counter: number): number {
  return Math.floor(counter / BLOCK_COUNTERS);
}

/** Where the bytes of a block are written, from `at` on. */
export interface BlockOut {
  readonly bytes: Buffer;
  readonly view: DataView;
  at: number;
}

/** Bytes that so many records take. */
export function blockBytes(records: number): number {
  return records * RECORD_BYTES;
}

/** Writes the next records of a block in order: those of a run. */
export function writeRun(out: BlockOut, { arrival, entry, from, to }: Run): void {
  const { view } = out;
  const { view: source } = entry;
  const arrivalHigh = Math.floor(arrival / 2 ** 32);
  const arrivalLow = arrival % 2 ** 32;
  for (let place = from; place < to; place++) {
    const start = entry.identityAt(place);
    const { at } = out;
    for (let i = 0; i < LISTING_ENTRY_BYTES; i += 4) view.setUint32(at + i, source.getUint32(start + i));
    view.setUint16(at + ARRIVAL_AT, arrivalHigh);
    view.setUint32(at + ARRIVAL_AT + 2, arrivalLow);
    const keyBit = entry.hasKey(place) ? KEY_BIT : 0;
    const tombstoneBit = entry.isTombstone(place) ? TOMBSTONE_BIT : 0;
    view.setUint16(at + ORDINAL_AT, entry.ordinal(place) | keyBit | tombstoneBit);
    view.setUint32(at + LENGTH_AT, entry.length(place));
    out.at += RECORD_BYTES;
  }
}

/** Writes the next records in order: the places of another block. */
export function writePlaces(out: BlockOut, block: IndexBlock, { from, to }: PlaceRange): void {
  const { buffer, byteOffset } = block.bytes;
  // Not copy(): the length of the bytes of a fast read is not that of their view.
  const places = new Uint8Array(buffer, byteOffset + from * RECORD_BYTES, (to - from) * RECORD_BYTES);
  out.bytes.set(places, out.at);
  out.at += (to - from) * RECORD_BYTES;
}

interface PlaceRange {
  readonly from: number;
  readonly to: number;
}

export class IndexBlock {
  readonly records: number;
  readonly bytes: Buffer;
  readonly #view: DataView;

  /** A view: `bytes` must stay as they are while it, and what it hands out, is used. */
  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.records = bytes.length / RECORD_BYTES;
  }

  counter(place: number): number {
    return readCounter(this.#view, place * RECORD_BYTES);
  }

  version(place: number): Version {
    return readVersion(this.#view, place * RECORD_BYTES);
  }

  record(place: number): LocatedRecord {
    return this.#record(place, { version: this.version(place), isCopy: false });
  }

  /** Finds what is sought there: what it says of it is copied. */
  locate(found: FoundRecords, i: number): void {
    const sought = i * KEY_CLAIM_BYTES + CLAIM_VERSION_AT;
    const place = this.#placeOfBytes(found.claimView, sought);
    if (place === this.records) return;
    const at = place * RECORD_BYTES;
    for (let byte = 0; byte < VERSION_BYTES; byte += 4)
      if (this.#view.getUint32(at + byte) !== found.claimView.getUint32(sought + byte)) return;
    found.setTag(i, this.bytes, at + TAG_AT);
    found.arrivals[i] =
      this.#view.getUint16(at + ARRIVAL_AT) * 2 ** 32 + this.#view.getUint32(at + ARRIVAL_AT + 2);
    found.ordinals[i] = this.#view.getUint16(at + ORDINAL_AT) & ~(KEY_BIT | TOMBSTONE_BIT);
    found.lengths[i] = this.#view.getUint32(at + LENGTH_AT);
  }

  /** As placeOf(), of a version in bytes. */
  #placeOfBytes(wanted: DataView, wantedAt: number): number {
    let low = 0;
    let high = this.records;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareBytes(this.#view, middle * RECORD_BYTES, wanted, wantedAt) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The record with this version, which outlives the bytes. */
  find(version: Version): LocatedRecord | undefined {
    const place = this.placeOf(version);
    return this.#isAt(place, version) ? this.#record(place, { version, isCopy: true }) : undefined;
  }

  /** The place of the first record that is not below; their number where all are. */
  placeOf(version: Version): number {
    return lowerBound(this.records, (place) => this.compareVersion(place, version) < 0);
  }

  /** The place of the first record above. */
  after(version: Version): number {
    const place = this.placeOf(version);
    return this.#isAt(place, version) ? place + 1 : place;
  }

  /** As compareVersions() of the record's version and this one. */
  compareVersion(place: number, version: Version): number {
    return compareVersionAt(this.#view, place * RECORD_BYTES, version);
  }

  #record(place: number, { version, isCopy }: { version: Version; isCopy: boolean }): LocatedRecord {
    const at = place * RECORD_BYTES;
    const ordinal = this.#view.getUint16(at + ORDINAL_AT);
    const tag = isCopy ? new Uint8Array(TAG_BYTES) : this.bytes.subarray(at + TAG_AT, at + ARRIVAL_AT);
    if (isCopy) copyBytes(tag, 0, { from: this.bytes, start: at + TAG_AT, length: TAG_BYTES });
    return {
      version,
      tag,
      arrival: this.#view.getUint16(at + ARRIVAL_AT) * 2 ** 32 + this.#view.getUint32(at + ARRIVAL_AT + 2),
      ordinal: ordinal & ~(KEY_BIT | TOMBSTONE_BIT),
      length: this.#view.getUint32(at + LENGTH_AT),
      hasKey: (ordinal & KEY_BIT) !== 0,
      isTombstone: (ordinal & TOMBSTONE_BIT) !== 0,
    };
  }

  #isAt(place: number, version: Version): boolean {
    return place < this.records && this.compareVersion(place, version) === 0;
  }
}

/** Of two versions in bytes, below 0 where the first is below. */
function compareBytes(a: DataView, at: number, b: DataView, from: number): number {
  for (let byte = 0; byte < VERSION_BYTES; byte += 4) {
    const difference = a.getUint32(at + byte) - b.getUint32(from + byte);
    if (difference !== 0) return difference;
  }
  return 0;
}
