// Records made to measure: chosen counters and origins, as no coordinator would give them.
import {
  encodeDraft,
  encodeFrame,
  type LogRecord,
  originFromBits,
  type PackedGroup,
  packItems,
  type Version,
} from '@mendlog/core';

export function version(counter: number, origin: number | bigint = 1): Version {
  return { counter, origin: originFromBits(BigInt(origin)) };
}

export function frame(counter: number, value = '', origin: number | bigint = 1): Uint8Array {
  return encodeFrame({ version: version(counter, origin), timeMs: 1_000, value: Buffer.from(value) });
}

/** Of a record with a key. */
export function frameOf(
  counter: number,
  value: string,
  keyed: Partial<Pick<LogRecord, 'key' | 'append' | 'tombstone'>>,
): Uint8Array {
  return encodeFrame({ version: version(counter), timeMs: 1_000, value: Buffer.from(value), ...keyed });
}

export function groupOf(partition: string, frames: readonly Uint8Array[]): PackedGroup {
  return packItems(partition, frames);
}

/** Consecutive counters, both ends included. */
export function counters(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

/** Values as an append sends them. */
export function draftsOf(partition: string, values: readonly Uint8Array[]): PackedGroup {
  return packItems(
    partition,
    values.map((value) => encodeDraft({ value })),
  );
}
