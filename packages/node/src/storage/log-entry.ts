/**
 * Entries of the arrival log: the unit in which records lie on disk.
 *
 *   checksum 16 | format u8 | flags u8 | groups u16 | records u32
 *   per group:  partition id u32 | records u32
 *   per record: version 16 | end of its frame u32
 *   per record: ordinal u16, where flag 1 is set
 *   tags, 16 bytes each | frames
 *
 * Numbers are big-endian, ends count from the first frame. A record's ordinal is its place in the entry
 * as it was first written. It is what the index points to, so that an entry which is written anew
 * without its dead records leaves the index as it is. The checksum is keyed BLAKE3 of everything between
 * it and the frames; the frames are covered by their tags. So whatever the disk changes of a frame, its
 * record is known.
 */
import {
  type DigestKernel,
  itemStart,
  MendlogError,
  type PackedGroup,
  readVersion,
  TAG_BYTES,
  VERSION_BYTES,
  type Version,
  writeVersion,
} from '@mendlog/core';
import { lowerBound } from './lower-bound.js';

const FORMAT = 1;
const FLAG_ORDINALS = 1;
const CHECKSUM_BYTES = 16;
const HEADER_BYTES = CHECKSUM_BYTES + 8;
const GROUP_BYTES = 8;
const END_AT = VERSION_BYTES;
const PLACE_BYTES = VERSION_BYTES + 4;
const ORDINAL_BYTES = 2;
/** What a record takes beside its frame. */
const RECORD_BYTES = PLACE_BYTES + TAG_BYTES;

/**
 * An entry is closed before it grows beyond this. With LMDB's own header it fills four pages: small
 * enough to be copied for one read, and so much alike that freed pages fit the next entry.
 */
const ENTRY_BYTES_TARGET = 4 * 4096 - 16;
/** Of tiny records: reached before the ordinals, of 16 bits, run out. */
const ENTRY_RECORDS_MAX = 512;

/** Records of one partition: `from` up to `to` of a group, and the tags of all records of the group. */
export interface EntryPart {
  readonly partitionId: number;
  readonly group: PackedGroup;
  readonly versions: readonly Version[];
  readonly tags: Uint8Array;
  readonly from: number;
  readonly to: number;
}

/** The parts of the entries that hold these groups, in their order. */
export function planEntries(groups: readonly Omit<EntryPart, 'from' | 'to'>[]): EntryPart[][] {
  const entries: EntryPart[][] = [];
  let parts: EntryPart[] = [];
  let bytes = HEADER_BYTES;
  let records = 0;
  const close = () => {
    if (parts.length > 0) entries.push(parts);
    parts = [];
    bytes = HEADER_BYTES;
    records = 0;
  };
  for (const given of groups) {
    const { ends } = given.group;
    let from = 0;
    bytes += GROUP_BYTES;
    for (let i = 0; i < ends.length; i++) {
      const size = (ends[i] as number) - itemStart(given.group, i) + RECORD_BYTES;
      if (records > 0 && (bytes + size > ENTRY_BYTES_TARGET || records >= ENTRY_RECORDS_MAX)) {
        if (i > from) parts.push({ ...given, from, to: i });
        close();
        bytes += GROUP_BYTES;
        from = i;
      }
      bytes += size;
      records++;
    }
    if (ends.length > from) parts.push({ ...given, from, to: ends.length });
  }
  close();
  return entries;
}

/** Writes an entry; with `ordinals`, one that is written anew and has those left. */
export function encodeEntry(
  parts: readonly EntryPart[],
  seal: EntrySeal,
  ordinals?: readonly number[],
): Uint8Array {
  let records = 0;
  let frameBytes = 0;
  for (const { group, from, to } of parts) {
    records += to - from;
    frameBytes += itemStart(group, to) - itemStart(group, from);
  }
  const recordBytes = RECORD_BYTES + (ordinals === undefined ? 0 : ORDINAL_BYTES);
  const framesAt = HEADER_BYTES + parts.length * GROUP_BYTES + records * recordBytes;
  const out = new Uint8Array(framesAt + frameBytes);
  const view = new DataView(out.buffer);
  out[CHECKSUM_BYTES] = FORMAT;
  out[CHECKSUM_BYTES + 1] = ordinals === undefined ? 0 : FLAG_ORDINALS;
  view.setUint16(CHECKSUM_BYTES + 2, parts.length);
  view.setUint32(CHECKSUM_BYTES + 4, records);
  let groupAt = HEADER_BYTES;
  let placeAt = HEADER_BYTES + parts.length * GROUP_BYTES;
  let ordinalAt = placeAt + records * PLACE_BYTES;
  let tagAt = ordinalAt + (ordinals === undefined ? 0 : records * ORDINAL_BYTES);
  let frameAt = framesAt;
  for (const { partitionId, group, versions, tags, from, to } of parts) {
    view.setUint32(groupAt, partitionId);
    view.setUint32(groupAt + 4, to - from);
    groupAt += GROUP_BYTES;
    const start = itemStart(group, from);
    const shift = frameAt - framesAt - start;
    for (let i = from; i < to; i++, placeAt += PLACE_BYTES) {
      writeVersion(view, placeAt, versions[i] as Version);
      view.setUint32(placeAt + END_AT, (group.ends[i] as number) + shift);
    }
    out.set(tags.subarray(from * TAG_BYTES, to * TAG_BYTES), tagAt);
    tagAt += (to - from) * TAG_BYTES;
    out.set(group.bytes.subarray(start, itemStart(group, to)), frameAt);
    frameAt += itemStart(group, to) - start;
  }
  for (const ordinal of ordinals ?? []) {
    view.setUint16(ordinalAt, ordinal);
    ordinalAt += ORDINAL_BYTES;
  }
  out.set(seal.checksum(out.subarray(CHECKSUM_BYTES, framesAt)));
  return out;
}

/** The key of a store's checksums. */
export class EntrySeal {
  readonly #kernel: DigestKernel;
  readonly #key: Uint8Array;

  constructor(kernel: DigestKernel, storeId: string) {
    this.#kernel = kernel;
    this.#key = kernel.deriveKey('mendlog 2026-11 log entry v1', new TextEncoder().encode(storeId));
  }

  checksum(bytes: Uint8Array): Uint8Array {
    const checksum = new Uint8Array(CHECKSUM_BYTES);
    this.#kernel.tags(this.#key, bytes, Uint32Array.of(bytes.length), checksum);
    return checksum;
  }
}

/**
 * A view on the bytes of an entry; they must not change while it is used. Bytes that cannot be an entry
 * are MALFORMED; whether they are the ones written, `isWhole` tells.
 */
export class LogEntry {
  readonly records: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #groups: number;
  readonly #ordinalsAt: number | undefined;
  readonly #placesAt: number;
  readonly #tagsAt: number;
  readonly #framesAt: number;

  constructor(bytes: Uint8Array) {
    // Not a Buffer, whose slices are views; and LMDB's own says its length in `length` alone.
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#view = view;
    if (bytes.length < HEADER_BYTES || bytes[CHECKSUM_BYTES] !== FORMAT) throw damaged();
    const hasOrdinals = bytes[CHECKSUM_BYTES + 1] === FLAG_ORDINALS;
    this.#groups = view.getUint16(CHECKSUM_BYTES + 2);
    this.records = view.getUint32(CHECKSUM_BYTES + 4);
    this.#placesAt = HEADER_BYTES + this.#groups * GROUP_BYTES;
    const ordinalsAt = this.#placesAt + this.records * PLACE_BYTES;
    this.#ordinalsAt = hasOrdinals ? ordinalsAt : undefined;
    this.#tagsAt = hasOrdinals ? ordinalsAt + this.records * ORDINAL_BYTES : ordinalsAt;
    this.#framesAt = this.#tagsAt + this.records * TAG_BYTES;
    if (this.#framesAt + this.#end(this.records - 1) !== bytes.length) throw damaged();
  }

  isWhole(seal: EntrySeal): boolean {
    const checksum = seal.checksum(this.#bytes.subarray(CHECKSUM_BYTES, this.#framesAt));
    return Buffer.compare(checksum, this.#bytes.subarray(0, CHECKSUM_BYTES)) === 0;
  }

  /** The groups: whose records they are, and which places they take. */
  *groups(): Generator<{ partitionId: number; from: number; to: number }> {
    let from = 0;
    for (let i = 0; i < this.#groups; i++) {
      const at = HEADER_BYTES + i * GROUP_BYTES;
      const to = from + this.#view.getUint32(at + 4);
      if (to > this.records) throw damaged();
      yield { partitionId: this.#view.getUint32(at), from, to };
      from = to;
    }
    if (from !== this.records) throw damaged();
  }

  /** The place of the record with this ordinal; undefined where it was left out. */
  placeOf(ordinal: number): number | undefined {
    if (this.#ordinalsAt === undefined) return ordinal < this.records ? ordinal : undefined;
    const place = lowerBound(this.records, (place) => this.ordinal(place) < ordinal);
    return place < this.records && this.ordinal(place) === ordinal ? place : undefined;
  }

  /** The frame of the record with this ordinal; undefined where it is not here. */
  frameOf(ordinal: number): Uint8Array | undefined {
    const place = this.placeOf(ordinal);
    return place === undefined ? undefined : this.frame(place);
  }

  ordinal(place: number): number {
    return this.#ordinalsAt === undefined
      ? place
      : this.#view.getUint16(this.#ordinalsAt + place * ORDINAL_BYTES);
  }

  version(place: number): Version {
    return readVersion(this.#view, this.#placesAt + place * PLACE_BYTES);
  }

  length(place: number): number {
    return this.#end(place) - this.#start(place);
  }

  tag(place: number): Uint8Array {
    const at = this.#tagsAt + place * TAG_BYTES;
    return this.#bytes.subarray(at, at + TAG_BYTES);
  }

  frame(place: number): Uint8Array {
    return this.#bytes.subarray(this.#framesAt + this.#start(place), this.#framesAt + this.#end(place));
  }

  #start(place: number): number {
    return place === 0 ? 0 : this.#end(place - 1);
  }

  #end(place: number): number {
    const at = this.#placesAt + place * PLACE_BYTES + END_AT;
    if (place < 0 || at + 4 > this.#bytes.length) throw damaged();
    return this.#view.getUint32(at);
  }
}

function damaged(): MendlogError {
  return new MendlogError(
    'MALFORMED',
    'an entry of the log does not have its format: the disk has changed it',
  );
}
