/**
 * The keys and values of the store's binary tables. Numbers are big-endian, so that keys sort as their
 * numbers do.
 *
 *   log      entries    arrival u64                          -> entry
 *   index    blocks     partition u32 | counter / 25 u64     -> block (index-block.ts)
 *            rows       partition u32 | level u8 | index u64 -> digest row 24, at level 0 | first, last time f64
 *            keys       partition u32 | put key              -> version 16 | attempt u8 | begin of its tag 6
 *            appends    partition u32 | append key           -> the same of many append keys (append-pages.ts)
 *            partitions partition u32 -> applied, head, cleaned to, purged to, bytes f64 | root 24 | highest append key
 *            live       arrival u64                          -> live records u32 | live bytes u32 | all bytes u32
 */
import {
  APPEND_KEY_BYTES,
  type KeyClaim,
  LIMITS,
  ROW_BYTES,
  readVersion,
  type TimeWindow,
  VERSION_BYTES,
  writeVersion,
} from '@mendlog/core';
import { copyBytes } from './copy-bytes.js';
import type { LogEntry } from './log-entry.js';

const PARTITION_KEY_BYTES = 4;
const ROW_KEY_BYTES = 4 + 1 + 8;
const NUMBER_BYTES = 8;
const MARK_AT = VERSION_BYTES + 1;
const MARK_BYTES = 6;
const UINT32 = 2 ** 32;

export function arrivalKey(arrival: number): Buffer {
  const key = Buffer.allocUnsafe(NUMBER_BYTES);
  writeNumber(key, 0, arrival);
  return key;
}

export function arrivalOfKey(key: Buffer): number {
  return readNumber(key, 0);
}

const arrivalScratch = Buffer.alloc(NUMBER_BYTES);
const blockScratch = Buffer.alloc(PARTITION_KEY_BYTES + NUMBER_BYTES);
const partitionScratch = Buffer.alloc(PARTITION_KEY_BYTES);
const rowScratch = Buffer.alloc(ROW_KEY_BYTES);

/** The key of one look-up, which LMDB copies: the next call overwrites it. */
export function arrivalLookup(arrival: number): Buffer {
  writeNumber(arrivalScratch, 0, arrival);
  return arrivalScratch;
}

/** The same for a block. */
export function blockLookup(partitionId: number, block: number): Buffer {
  blockScratch.writeUInt32BE(partitionId, 0);
  writeNumber(blockScratch, PARTITION_KEY_BYTES, block);
  return blockScratch;
}

/** The same for a row. */
export function rowLookup(partitionId: number, level: number, index: number): Buffer {
  rowScratch.writeUInt32BE(partitionId, 0);
  rowScratch.writeUInt8(level, 4);
  writeNumber(rowScratch, 5, index);
  return rowScratch;
}

/** The same for a partition. */
export function partitionLookup(partitionId: number): Buffer {
  partitionScratch.writeUInt32BE(partitionId, 0);
  return partitionScratch;
}

export function partitionIdKey(partitionId: number): Buffer {
  const key = Buffer.allocUnsafe(PARTITION_KEY_BYTES);
  key.writeUInt32BE(partitionId, 0);
  return key;
}

export function blockKey(partitionId: number, block: number): Buffer {
  const key = Buffer.allocUnsafe(PARTITION_KEY_BYTES + NUMBER_BYTES);
  key.writeUInt32BE(partitionId, 0);
  writeNumber(key, PARTITION_KEY_BYTES, block);
  return key;
}

export function rowKey(partitionId: number, level: number, index: number): Buffer {
  const key = Buffer.allocUnsafe(ROW_KEY_BYTES);
  key.writeUInt32BE(partitionId, 0);
  key.writeUInt8(level, 4);
  writeNumber(key, 5, index);
  return key;
}

export function rowIndexOfKey(key: Buffer): number {
  return readNumber(key, 5);
}

export function keyKey(partitionId: number, key: string): Buffer {
  const bytes = Buffer.allocUnsafe(PARTITION_KEY_BYTES + key.length);
  bytes.writeUInt32BE(partitionId, 0);
  bytes.write(key, PARTITION_KEY_BYTES, 'latin1');
  return bytes;
}

/** Of a key with its namespace. */
const KEY_BYTES_MAX = 1 + LIMITS.keyBytesMax;
const keyScratch = Buffer.alloc(PARTITION_KEY_BYTES + KEY_BYTES_MAX);

/** The key of one look-up, which LMDB copies; the next call overwrites it. */
export function keyLookup(partitionId: number, key: string): Buffer {
  keyScratch.writeUInt32BE(partitionId, 0);
  const end = PARTITION_KEY_BYTES + keyScratch.write(key, PARTITION_KEY_BYTES, 'latin1');
  return keyScratch.subarray(0, end);
}

/** A key in bytes, from `start` up to `end`. */
export interface KeyBytes {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** Views on the scratch of every length: a view is made once. */
const keyLookups: (Buffer | undefined)[] = [];

/** As keyLookup(); undefined for a key that is longer than any. */
export function keyBytesLookup(partitionId: number, { bytes, start, end }: KeyBytes): Buffer | undefined {
  const length = end - start;
  if (length > KEY_BYTES_MAX) return undefined;
  keyScratch.writeUInt32BE(partitionId, 0);
  copyBytes(keyScratch, PARTITION_KEY_BYTES, { from: bytes, start, length });
  let lookup = keyLookups[length];
  if (lookup === undefined) {
    lookup = keyScratch.subarray(0, PARTITION_KEY_BYTES + length);
    keyLookups[length] = lookup;
  }
  return lookup;
}

const appendScratch = Buffer.alloc(PARTITION_KEY_BYTES + APPEND_KEY_BYTES);

/** As keyLookup(), of the append key in these bytes, its namespace left out; the next call overwrites it. */
export function appendLookup(partitionId: number, bytes: Uint8Array, start: number): Buffer {
  appendScratch.writeUInt32BE(partitionId, 0);
  copyBytes(appendScratch, PARTITION_KEY_BYTES, { from: bytes, start, length: APPEND_KEY_BYTES });
  return appendScratch;
}

export function textOfKeyKey(bytes: Buffer): string {
  return bytes.toString('latin1', PARTITION_KEY_BYTES);
}

/** Who holds a key, and how the tag of its record begins: 48 bits of it. */
export interface IndexedClaim extends KeyClaim {
  readonly mark: number;
}

/** The mark of the tag at this place. */
export function markAt(bytes: Uint8Array, at: number): number {
  const high = (bytes[at] as number) * 256 + (bytes[at + 1] as number);
  const middle = (bytes[at + 2] as number) * 256 + (bytes[at + 3] as number);
  const low = (bytes[at + 4] as number) * 256 + (bytes[at + 5] as number);
  return (high * 65_536 + middle) * 65_536 + low;
}

export const CLAIM_BYTES = MARK_AT + MARK_BYTES;

/** The claim of a record of an entry, which has an append key: the same bytes as those of claimValue(). */
export function writeClaimOf(out: Uint8Array, at: number, entry: LogEntry, place: number): void {
  const { bytes } = entry;
  copyBytes(out, at, { from: bytes, start: entry.identityAt(place), length: VERSION_BYTES });
  out[at + VERSION_BYTES] = bytes[entry.appendKeyAt(place) - 1] as number;
  copyBytes(out, at + MARK_AT, { from: bytes, start: entry.tagAt(place), length: MARK_BYTES });
}

export function claimValue({ version, attempt, mark }: IndexedClaim): Buffer {
  const value = Buffer.allocUnsafe(CLAIM_BYTES);
  writeVersion(new DataView(value.buffer, value.byteOffset, value.length), 0, version);
  value[VERSION_BYTES] = attempt;
  value.writeUIntBE(mark, MARK_AT, MARK_BYTES);
  return value;
}

export function claimOf(value: Buffer): IndexedClaim {
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  const mark = markAt(value, MARK_AT);
  return { version: readVersion(view, 0), attempt: value[VERSION_BYTES] as number, mark };
}

export function attemptOfClaim(value: Uint8Array): number {
  return value[VERSION_BYTES] as number;
}

/** A row of level 0 with the times between which its records were written, those included that are gone. */
export function segmentValue(row: Uint8Array, { fromMs, toMs }: TimeWindow): Buffer {
  const value = Buffer.allocUnsafe(ROW_BYTES + 16);
  value.set(row);
  value.writeDoubleBE(fromMs, ROW_BYTES);
  value.writeDoubleBE(toMs, ROW_BYTES + 8);
  return value;
}

export function segmentTimes(value: Buffer): TimeWindow {
  return { fromMs: value.readDoubleBE(ROW_BYTES), toMs: value.readDoubleBE(ROW_BYTES + 8) };
}

/** What the index knows of a partition. */
export interface IndexedPartition {
  /** The arrival number up to which its records are in. */
  readonly applied: number;
  readonly head: number;
  /** The trimmed records up to here are removed. */
  readonly cleanedTo: number;
  /** What a purge takes is removed up to here. */
  readonly purgedTo: number;
  /** Bytes of all frames. */
  readonly bytes: number;
  /** The sum of all rows. */
  readonly root: Uint8Array;
  /** The highest append key that was ever in, as a text of its bytes; empty before the first. */
  readonly appendHead: string;
}

const ROOT_AT = 40;
const APPEND_HEAD_AT = ROOT_AT + ROW_BYTES;

export function partitionValue(partition: IndexedPartition): Buffer {
  const { applied, head, cleanedTo, purgedTo, bytes, root, appendHead } = partition;
  const value = Buffer.allocUnsafe(APPEND_HEAD_AT + appendHead.length);
  value.writeDoubleBE(applied, 0);
  value.writeDoubleBE(head, 8);
  value.writeDoubleBE(cleanedTo, 16);
  value.writeDoubleBE(purgedTo, 24);
  value.writeDoubleBE(bytes, 32);
  value.set(root, ROOT_AT);
  value.write(appendHead, APPEND_HEAD_AT, 'latin1');
  return value;
}

export function indexedPartition(value: Buffer): IndexedPartition {
  return {
    applied: value.readDoubleBE(0),
    head: value.readDoubleBE(8),
    cleanedTo: value.readDoubleBE(16),
    purgedTo: value.readDoubleBE(24),
    bytes: value.readDoubleBE(32),
    root: rootOf(value),
    appendHead: value.toString('latin1', APPEND_HEAD_AT),
  };
}

/** A copy: the bytes may be those of a fast read. */
function rootOf(value: Buffer): Uint8Array {
  const root = new Uint8Array(ROW_BYTES);
  copyBytes(root, 0, { from: value, start: ROOT_AT, length: ROW_BYTES });
  return root;
}

/** What of an entry of the log the index still points to. */
export interface LiveShare {
  readonly records: number;
  /** Bytes of their frames. */
  readonly bytes: number;
  /** Bytes of all frames that the entry holds. */
  readonly bytesInLog: number;
}

export function liveValue({ records, bytes, bytesInLog }: LiveShare): Buffer {
  const value = Buffer.allocUnsafe(12);
  value.writeUInt32BE(records, 0);
  value.writeUInt32BE(bytes, 4);
  value.writeUInt32BE(bytesInLog, 8);
  return value;
}

export function liveShare(value: Buffer): LiveShare {
  return {
    records: value.readUInt32BE(0),
    bytes: value.readUInt32BE(4),
    bytesInLog: value.readUInt32BE(8),
  };
}

function writeNumber(out: Buffer, at: number, number: number): void {
  out.writeUInt32BE(Math.floor(number / UINT32), at);
  out.writeUInt32BE(number % UINT32, at + 4);
}

function readNumber(bytes: Buffer, at: number): number {
  return bytes.readUInt32BE(at) * UINT32 + bytes.readUInt32BE(at + 4);
}
