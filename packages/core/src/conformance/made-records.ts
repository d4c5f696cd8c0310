/** Records made to measure: chosen counters, origins and keys, as no coordinator would give them. */
import { TAG_BYTES } from '../digest/kernel.js';
import type { ListingEntry } from '../protocol/listing.js';
import { type PackedGroup, packItems } from '../protocol/packed.js';
import { encodeFrame, frameVersion, type LogRecord } from '../record.js';
import { compareVersions, originFromBits, type Version } from '../version.js';
import type { StoreEngine } from './store-engine.js';

export type TagKeys = Pick<StoreEngine, 'kernel' | 'tagKeyOf'>;

export type Keyed = Pick<LogRecord, 'key' | 'tombstone' | 'append'>;

export function version(counter: number, origin: number | bigint = 1): Version {
  return { counter, origin: originFromBits(BigInt(origin)) };
}

/** The value is ASCII. */
export function frame(counter: number, value = '', origin: number | bigint = 1): Uint8Array {
  return keyedFrame(version(counter, origin), value, {});
}

export function keyedFrame(version: Version, value: string, keyed: Keyed & { timeMs?: number }): Uint8Array {
  return encodeFrame({ version, timeMs: 1_000, value: ascii(value), ...keyed });
}

export function groupOf(partition: string, frames: readonly Uint8Array[]): PackedGroup {
  return packItems(partition, frames);
}

/** Consecutive counters, both ends included. */
export function counters(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

export function countersOf(frames: readonly Uint8Array[]): number[] {
  return frames.map((bytes) => frameVersion(bytes).counter);
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

export function byVersion(a: Uint8Array, b: Uint8Array): number {
  return compareVersions(frameVersion(a), frameVersion(b));
}

export function bytesOf(frames: readonly Uint8Array[]): number {
  return frames.reduce((sum, { length }) => sum + length, 0);
}

export function tagOfFrame({ kernel, tagKeyOf }: TagKeys, partition: string, bytes: Uint8Array): Uint8Array {
  const tag = new Uint8Array(TAG_BYTES);
  kernel.tags(tagKeyOf(partition), bytes, Uint32Array.of(bytes.length), tag);
  return tag;
}

/** What a listing says of a frame. */
export function entryOf(tags: TagKeys, partition: string, bytes: Uint8Array): ListingEntry {
  return { version: frameVersion(bytes), tag: tagOfFrame(tags, partition, bytes) };
}
