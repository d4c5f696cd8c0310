/**
 * Appends once, whatever becomes of the answers: a record carries a key of its own, and an attempt of which the
 * outcome is unknown is followed by another one with the same key. Of the attempts that were stored one stays.
 */
import { draftOf, type ErrorCode, type MendlogError, toMendlogError } from '@mendlog/core';
import { newAppendKey } from './append-keys.js';
import type { WriteBatcher, WriteHow, WriteResult } from './write-batcher.js';

export const ATTEMPTS_MAX = 4;
const PAUSE_MS = 50;
/** With these nobody says that nothing was written. */
const UNKNOWN: ReadonlySet<ErrorCode> = new Set(['WRITE_TIMEOUT', 'CONNECTION_LOST', 'INTERNAL']);

/** Whether the attempt may have been stored. */
export function isUnknown({ code }: MendlogError): boolean {
  return UNKNOWN.has(code);
}

export async function pauseBefore(attempt: number): Promise<void> {
  const ms = PAUSE_MS * (1 + Math.random()) * 2 ** (attempt - 1);
  await new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * Rejects with the refusal of a first attempt, of which nothing was written; and with WRITE_TIMEOUT,
 * CONNECTION_LOST or INTERNAL where the outcome stays unknown.
 */
export async function appendOnce(
  batcher: Pick<WriteBatcher, 'write'>,
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
      if (isUnknown(error)) unknown = error;
      else if (unknown === undefined) throw error;
      else if (!error.retryable) throw unknown;
      await pauseBefore(attempt + 1);
    }
  }
  throw unknown as MendlogError;
}
