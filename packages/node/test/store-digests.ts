// What a store holds of a partition, and that its digests are those of its records.
import {
  allRows,
  DIGEST_LAYOUT,
  frameVersion,
  INDEXED_ROW_BYTES,
  LIMITS,
  ROW_BYTES,
  rowIndexOf,
  type Store,
  TAG_BYTES,
  VERSION_HIGHEST,
  VERSION_LOWEST,
  type Version,
  type VersionRange,
  versionAfter,
} from '@mendlog/core';
import { partitionKey } from '@mendlog/merkle';
import { expect } from 'vitest';
import { kernel, secret } from './test-store.js';

export const EVERYTHING: VersionRange = {
  from: VERSION_LOWEST,
  to: VERSION_HIGHEST,
  limit: LIMITS.batchRecordsMax,
};
export const UNBOUNDED = Number.MAX_SAFE_INTEGER;
export const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** All frames, page by page. */
export function framesOf(store: Store, partition: string): Uint8Array[] {
  const frames: Uint8Array[] = [];
  let from: Version | undefined = VERSION_LOWEST;
  while (from !== undefined) {
    const page = store.readRange(partition, { ...EVERYTHING, from }, UNBOUNDED);
    frames.push(...page.frames);
    from = page.truncated ? versionAfter(frameVersion(frames.at(-1) as Uint8Array)) : undefined;
  }
  return frames;
}

export function tagOfFrame(partition: string, bytes: Uint8Array): Uint8Array {
  const tag = new Uint8Array(TAG_BYTES);
  kernel.tags(partitionKey(kernel, secret, partition), bytes, Uint32Array.of(bytes.length), tag);
  return tag;
}

/** Rows of one level as the records say they should be: index, then both lanes and the count. */
function expectedRows(partition: string, frames: readonly Uint8Array[], level: number): string {
  const rows = new Map<number, [bigint, bigint, bigint]>();
  for (const bytes of frames) {
    const tag = tagOfFrame(partition, bytes);
    const lanes = new DataView(tag.buffer);
    const index = rowIndexOf(frameVersion(bytes).counter, level);
    const [lane0, lane1, count] = rows.get(index) ?? [0n, 0n, 0n];
    rows.set(index, [lane0 + lanes.getBigUint64(0, true), lane1 + lanes.getBigUint64(8, true), count + 1n]);
  }
  const words = [...rows]
    .sort(([a], [b]) => a - b)
    .flatMap(([index, row]) => [BigInt(index), ...row].map((word) => BigInt.asUintN(64, word)));
  return hex(new Uint8Array(BigUint64Array.from(words).buffer));
}

/** SPEC I7: digests are those of the records, at every level and at the root. */
export function expectDigestsOf(store: Store, partition: string, frames: readonly Uint8Array[]): void {
  for (let level = 0; level < DIGEST_LAYOUT.levels; level++) {
    expect(hex(store.rows(partition, level, [allRows(level)]))).toBe(expectedRows(partition, frames, level));
  }
  const root = new Uint8Array(ROW_BYTES);
  const top = DIGEST_LAYOUT.levels - 1;
  const rows = Buffer.from(expectedRows(partition, frames, top), 'hex');
  const packed = Array.from({ length: rows.length / INDEXED_ROW_BYTES }, (_, i) =>
    rows.subarray(i * INDEXED_ROW_BYTES + 8, (i + 1) * INDEXED_ROW_BYTES),
  );
  kernel.sumRows(Buffer.concat(packed), root);
  expect(hex(store.summary(partition)?.root ?? new Uint8Array(ROW_BYTES))).toBe(hex(root));
}
