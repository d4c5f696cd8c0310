// What a store on LMDB holds of a partition, and that its digests are those of its records.
import {
  LIMITS,
  type Store,
  TAG_BYTES,
  VERSION_HIGHEST,
  VERSION_LOWEST,
  type VersionRange,
} from '@mendlog/core';
import { expectDigests, framesOf } from '@mendlog/core/conformance';
import { kernel, tagKeyOf } from './test-store.js';

export { framesOf };

export const EVERYTHING: VersionRange = {
  from: VERSION_LOWEST,
  to: VERSION_HIGHEST,
  limit: LIMITS.batchRecordsMax,
};
export const UNBOUNDED = Number.MAX_SAFE_INTEGER;
export const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

export function tagOfFrame(partition: string, bytes: Uint8Array): Uint8Array {
  const tag = new Uint8Array(TAG_BYTES);
  kernel.tags(tagKeyOf(partition), bytes, Uint32Array.of(bytes.length), tag);
  return tag;
}

/** SPEC I7: digests are those of the records, at every level and at the root. */
export function expectDigestsOf(store: Store, partition: string, frames: readonly Uint8Array[]): void {
  expectDigests(store, partition, { frames, tags: { kernel, tagKeyOf } });
}
