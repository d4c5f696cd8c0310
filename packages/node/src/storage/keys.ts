/**
 * The keys of the store's tables. Numbers are big-endian, so that keys sort as their numbers do.
 *
 *   records   partition u32 | version 16        -> tag 16 | frame
 *   rows      partition u32 | level u8 | index u64 -> digest row 24
 */
import { TAG_BYTES, VERSION_BYTES, type Version, writeVersion } from '@mendlog/core';

export const RECORD_KEY_BYTES = 4 + VERSION_BYTES;
const ROW_KEY_BYTES = 4 + 1 + 8;

export function recordKey(partitionId: number, version: Version): Buffer {
  const key = Buffer.allocUnsafe(RECORD_KEY_BYTES);
  key.writeUInt32BE(partitionId, 0);
  writeVersion(new DataView(key.buffer, key.byteOffset, key.byteLength), 4, version);
  return key;
}

/** The least key above the record's own: where a range that includes the record ends. */
export function keyAfterRecord(partitionId: number, version: Version): Buffer {
  return Buffer.concat([recordKey(partitionId, version), Buffer.from([0])]);
}

export function rowKey(partitionId: number, level: number, index: number): Buffer {
  const key = Buffer.allocUnsafe(ROW_KEY_BYTES);
  key.writeUInt32BE(partitionId, 0);
  key.writeUInt8(level, 4);
  key.writeBigUInt64BE(BigInt(index), 5);
  return key;
}

export function rowIndexOfKey(key: Buffer): bigint {
  return key.readBigUInt64BE(5);
}

export function tagOf(value: Buffer): Buffer {
  return value.subarray(0, TAG_BYTES);
}

export function frameOf(value: Buffer): Buffer {
  return value.subarray(TAG_BYTES);
}
