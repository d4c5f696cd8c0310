/**
 * Blocks of the index: where the records of 25 consecutive counters lie.
 *
 *   per record 44 bytes: version 16 | tag 16 | arrival u48 | ordinal u16 | bytes of the frame u32
 *
 * Numbers are big-endian; records ascend by version. A block is what one look-up reads and one change
 * writes: as a rule four fifths of a page, with which a partition's new records cost one write a step,
 * not one each. The version and the tag are an entry of a listing as they lie there.
 */
import {
  compareVersions,
  readVersion,
  TAG_BYTES,
  VERSION_BYTES,
  type Version,
  writeVersion,
} from '@mendlog/core';
import { lowerBound } from './lower-bound.js';
import type { LocatedRecord } from './overlay.js';

/** Counters of a block. Three such blocks of dense counters fill a page of LMDB, which holds no half ones. */
const BLOCK_COUNTERS = 25;
const TAG_AT = VERSION_BYTES;
const ARRIVAL_AT = TAG_AT + TAG_BYTES;
const ARRIVAL_BYTES = 6;
const ORDINAL_AT = ARRIVAL_AT + ARRIVAL_BYTES;
const LENGTH_AT = ORDINAL_AT + 2;
const RECORD_BYTES = LENGTH_AT + 4;

export function blockOf(counter: number): number {
  return Math.floor(counter / BLOCK_COUNTERS);
}

export class IndexBlock {
  readonly records: number;
  readonly #bytes: Buffer;
  readonly #view: DataView;

  /** `bytes` must stay as they are. */
  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.records = bytes.length / RECORD_BYTES;
  }

  static of(records: readonly LocatedRecord[]): Buffer {
    const bytes = Buffer.allocUnsafe(records.length * RECORD_BYTES);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let i = 0; i < records.length; i++) {
      const { version, tag, arrival, ordinal, length } = records[i] as LocatedRecord;
      const at = i * RECORD_BYTES;
      writeVersion(view, at, version);
      bytes.set(tag, at + TAG_AT);
      view.setUint16(at + ARRIVAL_AT, Math.floor(arrival / 2 ** 32));
      view.setUint32(at + ARRIVAL_AT + 2, arrival % 2 ** 32);
      view.setUint16(at + ORDINAL_AT, ordinal);
      view.setUint32(at + LENGTH_AT, length);
    }
    return bytes;
  }

  version(place: number): Version {
    return readVersion(this.#view, place * RECORD_BYTES);
  }

  record(place: number): LocatedRecord {
    const at = place * RECORD_BYTES;
    return {
      version: readVersion(this.#view, at),
      tag: this.#bytes.subarray(at + TAG_AT, at + ARRIVAL_AT),
      arrival: this.#view.getUint16(at + ARRIVAL_AT) * 2 ** 32 + this.#view.getUint32(at + ARRIVAL_AT + 2),
      ordinal: this.#view.getUint16(at + ORDINAL_AT),
      length: this.#view.getUint32(at + LENGTH_AT),
    };
  }

  all(): LocatedRecord[] {
    return Array.from({ length: this.records }, (_, place) => this.record(place));
  }

  find(version: Version): LocatedRecord | undefined {
    const place = this.placeOf(version);
    if (place === this.records || compareVersions(this.version(place), version) !== 0) return undefined;
    return this.record(place);
  }

  /** The place of the first record that is not below; their number where all are. */
  placeOf(version: Version): number {
    return lowerBound(this.records, (place) => compareVersions(this.version(place), version) < 0);
  }

  /** The place of the first record above. */
  after(version: Version): number {
    const place = this.placeOf(version);
    const isThere = place < this.records && compareVersions(this.version(place), version) === 0;
    return isThere ? place + 1 : place;
  }
}
