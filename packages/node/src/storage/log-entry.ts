/**
 * Entries of the arrival log: the unit in which records lie on disk.
 *
 *   checksum 16 | format u8 | flags u8 | groups u16 | records u32
 *   per group:  partition id u32 | records u32
 *   per record: version 16 | tag 16 | it has a key u1, it is a tombstone u1, end of its frame u30
 *   per record: ordinal u16, where flag 1 is set
 *   frames
 *
 * Numbers are big-endian, ends count from the first frame. A record's ordinal is its place in the entry
 * as it was first written. It is what the index points to, so that an entry which is written anew
 * without its dead records leaves the index as it is. The checksum is keyed BLAKE3 of everything between
 * it and the frames; the frames are covered by their tags. So whatever the disk changes of a frame, its
 * record is known.
 */
import {
  APPEND_KEY_BYTES,
  compareVersionAt,
  type DigestKernel,
  FRAME_TIME_AT,
  FRAME_VERSION_AT,
  frameAppendKeyAt,
  frameHasKey,
  frameIsTombstone,
  itemStart,
  KEY_BYTES,
  MendlogError,
  type PackedGroup,
  readCounter,
  readVersion,
  TAG_BYTES,
  VERSION_BYTES,
  type Version,
} from '@mendlog/core';
import { asBuffer } from './as-buffer.js';
import { copyBytes } from './copy-bytes.js';
import { EntrySlabs } from './entry-slabs.js';
import { keyOfFrame } from './key-text.js';
import { lowerBound } from './lower-bound.js';

const FORMAT = 3;
const FLAG_ORDINALS = 1;
const CHECKSUM_BYTES = 16;
const HEADER_BYTES = CHECKSUM_BYTES + 8;
const GROUP_BYTES = 8;
const TAG_AT = VERSION_BYTES;
const END_AT = TAG_AT + TAG_BYTES;
const KEY_BIT = 0x8000_0000;
const TOMBSTONE_BIT = 0x4000_0000;
const PLACE_BYTES = END_AT + 4;
const ORDINAL_BYTES = 2;

/**
 * An entry is closed before it grows beyond this. With LMDB's own header it fills four pages: small
 * enough to be copied for one read, and so much alike that freed pages fit the next entry.
 */
const ENTRY_BYTES_TARGET = 4 * 4096 - 16;
/** Of tiny records: reached before the ordinals, of 16 bits, run out. */
const ENTRY_RECORDS_MAX = 512;

/** Records of one partition. */
export interface EntryGroup {
  readonly state: {
    readonly id: number;
    /** The key of their tags. */
    readonly tagKey: Uint8Array;
  };
  readonly group: PackedGroup;
}

/** Of a group the records `from` up to `to`. */
export interface EntryPart<Group extends EntryGroup = EntryGroup> {
  readonly of: Group;
  readonly from: number;
  readonly to: number;
}

/** The parts of the entries that hold these groups, in their order. */
export function planEntries<Group extends EntryGroup>(groups: readonly Group[]): EntryPart<Group>[][] {
  const entries: EntryPart<Group>[][] = [];
  let parts: EntryPart<Group>[] = [];
  let bytes = HEADER_BYTES;
  let records = 0;
  for (const of of groups) {
    const { ends } = of.group;
    let from = 0;
    let start = 0;
    bytes += GROUP_BYTES;
    for (let i = 0; i < ends.length; i++) {
      const end = ends[i] as number;
      const size = end - start + PLACE_BYTES;
      start = end;
      if (records > 0 && (bytes + size > ENTRY_BYTES_TARGET || records >= ENTRY_RECORDS_MAX)) {
        if (i > from) parts.push({ of, from, to: i });
        entries.push(parts);
        parts = [];
        records = 0;
        bytes = HEADER_BYTES + GROUP_BYTES;
        from = i;
      }
      bytes += size;
      records++;
    }
    if (ends.length > from) parts.push({ of, from, to: ends.length });
  }
  if (parts.length > 0) entries.push(parts);
  return entries;
}

/** Writes entries: makes the tags of records, and the checksums, whose key belongs to the log. */
export class EntryWriter {
  readonly #kernel: DigestKernel;
  readonly #sealKey: Uint8Array;
  readonly #slabs = new EntrySlabs();
  /** What a call of the kernel needs, from entry to entry. */
  readonly #keys = new Uint8Array(ENTRY_RECORDS_MAX * KEY_BYTES);
  readonly #groupEnds = new Uint32Array(ENTRY_RECORDS_MAX);
  readonly #ends = new Uint32Array(ENTRY_RECORDS_MAX);
  readonly #tags = new Uint8Array(ENTRY_RECORDS_MAX * TAG_BYTES);
  readonly #end = new Uint32Array(1);

  constructor(kernel: DigestKernel, logId: string) {
    this.#kernel = kernel;
    this.#sealKey = kernel.deriveKey('mendlog 2026-11 log entry v1', new TextEncoder().encode(logId));
  }

  /** Of parts as they are planned. The bytes of the entry are to be given back. */
  write(parts: readonly EntryPart[]): LogEntry {
    let records = 0;
    let frameBytes = 0;
    for (const { of, from, to } of parts) {
      records += to - from;
      frameBytes += itemStart(of.group, to) - itemStart(of.group, from);
    }
    const size = { groups: parts.length, records, frameBytes, flags: 0 };
    const { out, view, placesAt, framesAt } = newEntry(size, (bytes) => this.#slabs.take(bytes));
    const keys = this.#keys.subarray(0, parts.length * KEY_BYTES);
    const groupEnds = this.#groupEnds.subarray(0, parts.length);
    const ends = this.#ends.subarray(0, records);
    let place = 0;
    let frameAt = framesAt;
    for (let p = 0; p < parts.length; p++) {
      const { of, from, to } = parts[p] as EntryPart;
      const { bytes, ends: endsOf } = of.group;
      keys.set(of.state.tagKey, p * KEY_BYTES);
      view.setUint32(HEADER_BYTES + p * GROUP_BYTES, of.state.id);
      view.setUint32(HEADER_BYTES + p * GROUP_BYTES + 4, to - from);
      let start = itemStart(of.group, from);
      const shift = frameAt - framesAt - start;
      const partEnd = itemStart(of.group, to);
      const isWhole = start === 0 && partEnd === bytes.length;
      out.set(isWhole ? bytes : bytes.subarray(start, partEnd), frameAt);
      frameAt += partEnd - start;
      for (let i = from; i < to; i++, place++) {
        const at = placesAt + place * PLACE_BYTES;
        copyBytes(out, at, { from: bytes, start: start + FRAME_VERSION_AT, length: VERSION_BYTES });
        const keyBit = frameHasKey(bytes, start) ? KEY_BIT : 0;
        const tombstoneBit = frameIsTombstone(bytes, start) ? TOMBSTONE_BIT : 0;
        start = endsOf[i] as number;
        ends[place] = start + shift;
        view.setUint32(at + END_AT, start + shift + keyBit + tombstoneBit);
      }
      groupEnds[p] = place;
    }
    const tags = this.#tags.subarray(0, records * TAG_BYTES);
    this.#kernel.groupTags(keys, groupEnds, out.subarray(framesAt), ends, tags);
    for (let i = 0; i < records; i++) {
      const at = placesAt + i * PLACE_BYTES + TAG_AT;
      copyBytes(out, at, { from: tags, start: i * TAG_BYTES, length: TAG_BYTES });
    }
    this.#seal(out, framesAt);
    return new LogEntry(out);
  }

  /** An entry written anew, of some places of another: with their tags, also where the disk has changed a frame. */
  rewrite(entry: LogEntry, groups: readonly { partitionId: number; places: readonly number[] }[]): LogEntry {
    const all = groups.flatMap(({ places }) => places);
    const frameBytes = all.reduce((sum, place) => sum + entry.length(place), 0);
    const size = { groups: groups.length, records: all.length, frameBytes, flags: FLAG_ORDINALS };
    const { out, view, placesAt, ordinalsAt, framesAt } = newEntry(size, Buffer.allocUnsafeSlow);
    for (const [g, { partitionId, places }] of groups.entries()) {
      view.setUint32(HEADER_BYTES + g * GROUP_BYTES, partitionId);
      view.setUint32(HEADER_BYTES + g * GROUP_BYTES + 4, places.length);
    }
    let end = 0;
    for (const [i, place] of all.entries()) {
      const at = placesAt + i * PLACE_BYTES;
      copyBytes(out, at, { from: entry.bytes, start: entry.identityAt(place), length: END_AT });
      out.set(entry.frame(place), framesAt + end);
      end += entry.length(place);
      const tombstoneBit = entry.isTombstone(place) ? TOMBSTONE_BIT : 0;
      view.setUint32(at + END_AT, end + (entry.hasKey(place) ? KEY_BIT : 0) + tombstoneBit);
      view.setUint16(ordinalsAt + i * ORDINAL_BYTES, entry.ordinal(place));
    }
    this.#seal(out, framesAt);
    return new LogEntry(out);
  }

  /** Nobody reads these bytes of an entry any more: another one will lie there. */
  giveBack(bytes: Uint8Array): void {
    this.#slabs.give(bytes);
  }

  checksum(bytes: Uint8Array): Uint8Array {
    const checksum = new Uint8Array(CHECKSUM_BYTES);
    this.#writeChecksum(bytes, checksum);
    return checksum;
  }

  #seal(entry: Uint8Array, framesAt: number): void {
    this.#writeChecksum(entry.subarray(CHECKSUM_BYTES, framesAt), entry.subarray(0, CHECKSUM_BYTES));
  }

  #writeChecksum(bytes: Uint8Array, out: Uint8Array): void {
    this.#end[0] = bytes.length;
    this.#kernel.tags(this.#sealKey, bytes, this.#end, out);
  }
}

interface EntrySize {
  readonly groups: number;
  readonly records: number;
  readonly frameBytes: number;
  readonly flags: number;
}

/** An entry with its header, and where its parts begin. */
function newEntry({ groups, records, frameBytes, flags }: EntrySize, roomFor: (bytes: number) => Buffer) {
  const placesAt = HEADER_BYTES + groups * GROUP_BYTES;
  const ordinalsAt = placesAt + records * PLACE_BYTES;
  const framesAt = ordinalsAt + (flags === FLAG_ORDINALS ? records * ORDINAL_BYTES : 0);
  // Every byte of it is written: zeros would be in vain.
  const out = roomFor(framesAt + frameBytes);
  const view = new DataView(out.buffer, out.byteOffset, out.length);
  out[CHECKSUM_BYTES] = FORMAT;
  out[CHECKSUM_BYTES + 1] = flags;
  view.setUint16(CHECKSUM_BYTES + 2, groups);
  view.setUint32(CHECKSUM_BYTES + 4, records);
  return { out, view, placesAt, ordinalsAt, framesAt };
}

/**
 * A view on the bytes of an entry; they must not change while it is used. Bytes that cannot be an entry
 * are MALFORMED; whether they are the ones written, `isWhole` tells.
 */
export class LogEntry {
  readonly bytes: Uint8Array;
  readonly records: number;
  /** On the same bytes. */
  readonly view: DataView;
  #buffer: Buffer | undefined;
  readonly #groups: number;
  readonly #ordinalsAt: number | undefined;
  readonly #placesAt: number;
  readonly #framesAt: number;

  constructor(bytes: Uint8Array) {
    // Not a Buffer, whose slices are views; and LMDB's own says its length in `length` alone.
    this.bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.view = view;
    if (bytes.length < HEADER_BYTES || bytes[CHECKSUM_BYTES] !== FORMAT) throw damaged();
    const hasOrdinals = bytes[CHECKSUM_BYTES + 1] === FLAG_ORDINALS;
    this.#groups = view.getUint16(CHECKSUM_BYTES + 2);
    this.records = view.getUint32(CHECKSUM_BYTES + 4);
    this.#placesAt = HEADER_BYTES + this.#groups * GROUP_BYTES;
    const ordinalsAt = this.#placesAt + this.records * PLACE_BYTES;
    this.#ordinalsAt = hasOrdinals ? ordinalsAt : undefined;
    this.#framesAt = hasOrdinals ? ordinalsAt + this.records * ORDINAL_BYTES : ordinalsAt;
    if (this.#framesAt + this.#end(this.records - 1) !== bytes.length) throw damaged();
  }

  isWhole(writer: EntryWriter): boolean {
    const checksum = writer.checksum(this.bytes.subarray(CHECKSUM_BYTES, this.#framesAt));
    return Buffer.compare(checksum, this.bytes.subarray(0, CHECKSUM_BYTES)) === 0;
  }

  /** The groups: whose records they are, and which places they take. */
  *groups(): Generator<{ partitionId: number; from: number; to: number }> {
    let from = 0;
    for (let i = 0; i < this.#groups; i++) {
      const at = HEADER_BYTES + i * GROUP_BYTES;
      const to = from + this.view.getUint32(at + 4);
      if (to > this.records) throw damaged();
      yield { partitionId: this.view.getUint32(at), from, to };
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
      : this.view.getUint16(this.#ordinalsAt + place * ORDINAL_BYTES);
  }

  version(place: number): Version {
    return readVersion(this.view, this.identityAt(place));
  }

  counter(place: number): number {
    return readCounter(this.view, this.identityAt(place));
  }

  /** The time of a record, as far as the disk has kept it. */
  timeMs(place: number): number {
    const at = this.#framesAt + this.#start(place) + FRAME_TIME_AT;
    if (at + 8 > this.bytes.length) return 0;
    return this.view.getUint32(at) * 2 ** 32 + this.view.getUint32(at + 4);
  }

  /** As compareVersions() of the record's version and this one. */
  compareVersion(place: number, version: Version): number {
    return compareVersionAt(this.view, this.identityAt(place), version);
  }

  /** Where in `bytes` the version and the tag of a record lie, one after the other. */
  identityAt(place: number): number {
    return this.#placesAt + place * PLACE_BYTES;
  }

  length(place: number): number {
    return this.#end(place) - this.#start(place);
  }

  /** Bytes of the frames of these places. */
  frameBytes(from: number, to: number): number {
    return this.#start(to) - this.#start(from);
  }

  /** Where in `bytes` its tag lies. */
  tagAt(place: number): number {
    return this.identityAt(place) + TAG_AT;
  }

  tag(place: number): Uint8Array {
    const at = this.tagAt(place);
    return this.bytes.subarray(at, at + TAG_BYTES);
  }

  frame(place: number): Uint8Array {
    return this.bytes.subarray(this.#framesAt + this.#start(place), this.#framesAt + this.#end(place));
  }

  hasKey(place: number): boolean {
    return this.view.getUint32(this.identityAt(place) + END_AT) >= KEY_BIT;
  }

  isTombstone(place: number): boolean {
    return this.view.getUint32(this.identityAt(place) + END_AT) % KEY_BIT >= TOMBSTONE_BIT;
  }

  /** The key of a record that has one, as far as the disk has kept it. */
  key(place: number): { key: string; attempt: number } {
    // Of an entry that is read for one frame it would be made in vain.
    this.#buffer ??= asBuffer(this.bytes);
    return keyOfFrame(this.#buffer, this.#framesAt + this.#start(place));
  }

  /** Where in `bytes` the append key of a record lies, its attempt before it; 0 where it has none, or the disk has cut it. */
  appendKeyAt(place: number): number {
    const at = frameAppendKeyAt(this.bytes, this.#framesAt + this.#start(place));
    return at + APPEND_KEY_BYTES <= this.bytes.length ? at : 0;
  }

  #start(place: number): number {
    return place === 0 ? 0 : this.#end(place - 1);
  }

  #end(place: number): number {
    const at = this.identityAt(place) + END_AT;
    if (place < 0 || at + 4 > this.bytes.length) throw damaged();
    return this.view.getUint32(at) % TOMBSTONE_BIT;
  }
}

function damaged(): MendlogError {
  return new MendlogError(
    'MALFORMED',
    'an entry of the log does not have its format: the disk has changed it',
  );
}
