/**
 * Appends once, whatever becomes of the answers: a record carries a key of its own, and an attempt of which the
 * outcome is unknown is followed by another one with the same key. Of the attempts that were stored one stays.
 */
import { draftOf, type MendlogError, toMendlogError } from '@mendlog/core';
import { newAppendKey } from './append-keys.js';
import type { WriteBatcher, WriteHow, WriteResult } from './write-batcher.js';

const ATTEMPTS_MAX = 4;
const PAUSE_MS = 50;

/**
 * Rejects with the first refusal of a first attempt, of which nothing was written; and with WRITE_TIMEOUT or
 * CONNECTION_LOST where the last attempt leaves the outcome unknown.
 */
export async function appendOnce(
  batcher: WriteBatcher,
  partition: string,
  { value, how }: { value: Uint8Array; how: WriteHow },
): Promise<WriteResult> {
  const id = newAppendKey(Date.now());
  let unknown: MendlogError | undefined;
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const draft = draftOf({ value, append: { id, attempt } });
    try {
      return await batcher.write(partition, draft, attempt === 1 ? { ...how, isRetry: true } : how);
    } catch (thrown) {
      const error = toMendlogError(thrown);
      const isUnknown = error.code === 'WRITE_TIMEOUT' || error.code === 'CONNECTION_LOST';
      if (unknown === undefined && !isUnknown) throw error;
      if (unknown !== undefined && !isUnknown && !error.retryable) throw unknown;
      if (isUnknown) unknown = error;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS * (1 + Math.random()) * 2 ** attempt));
    }
  }
  throw unknown as MendlogError;
}
