/**
 * Appends once, whatever becomes of the answers: a record carries a key of its own, and an attempt of which the
 * outcome is unknown is followed by another one with the same key. Of the attempts that were stored one stays.
 * An attempt that a node has refused because it was busy is sent again as the same one, when the node says; and so is
 * one that was refused for its version alone, since the next version lies above.
 */
import { draftOf, type ErrorCode, type MendlogError, toMendlogError } from '@mendlog/core';
import { newAppendKey } from './append-keys.js';
import type { RetryBudget } from './retry-budget.js';
import type { WriteBatcher, WriteHow, WriteResult } from './write-batcher.js';

export const SENDS_MAX = 4;
const PAUSE_MS = 50;
/** A node that asks for more is not waited for so long. */
const HINT_MS_MAX = 2000;
/** With these nobody says that nothing was written. */
const UNKNOWN: ReadonlySet<ErrorCode> = new Set(['WRITE_TIMEOUT', 'CONNECTION_LOST', 'INTERNAL']);

/** Whether the attempt may have been stored. */
export function isUnknown({ code }: MendlogError): boolean {
  return UNKNOWN.has(code);
}

/** Whether it was refused for its version alone: nothing was written, and another try gets a version that is taken. */
export function isTooLate({ code }: MendlogError): boolean {
  return code === 'TRIMMED' || code === 'FENCED';
}

/** Before the next: longer each time, and at least as long as a node has asked for. */
export async function pauseAfter(sends: number, hintMs = 0): Promise<void> {
  const ms = Math.max(PAUSE_MS * 2 ** (sends - 1), hintMs) * (1 + Math.random());
  await new Promise((resolve) => setTimeout(resolve, ms));
}

export interface RetriedAppend {
  readonly value: Uint8Array;
  readonly how: WriteHow;
  /** For those that are refused as OVERLOADED. */
  readonly budget: RetryBudget;
}

/**
 * Rejects with the refusal of a first attempt, of which nothing was written; and with WRITE_TIMEOUT,
 * CONNECTION_LOST or INTERNAL where the outcome stays unknown.
 */
export function appendOnce(
  batcher: Pick<WriteBatcher, 'write'>,
  partition: string,
  append: RetriedAppend,
): Promise<WriteResult> {
  const { value, how, budget } = append;
  const id = newAppendKey(Date.now());
  // As a rule the first attempt is the last, and costs no more than that.
  return batcher.write(partition, draftOf({ value, append: { id, attempt: 0 } }), how).then(
    (result) => {
      budget.earn();
      return result;
    },
    (thrown) => appendAgain(batcher, partition, { ...append, id, refusal: toMendlogError(thrown) }),
  );
}

async function appendAgain(
  batcher: Pick<WriteBatcher, 'write'>,
  partition: string,
  {
    value,
    how,
    budget,
    id,
    refusal,
  }: RetriedAppend & { readonly id: Uint8Array; readonly refusal: MendlogError },
): Promise<WriteResult> {
  let error = refusal;
  let unknown: MendlogError | undefined;
  let attempt = 0;
  for (let sends = 1; ; sends++) {
    const hintMs = hintOf(error);
    const isAgain =
      isUnknown(error) ||
      isTooLate(error) ||
      (unknown !== undefined && error.retryable) ||
      (hintMs > 0 && budget.spend());
    if (isUnknown(error)) unknown = error;
    if (!isAgain || sends >= SENDS_MAX) throw unknown ?? error;
    if (isUnknown(error)) attempt++;
    await pauseAfter(sends, hintMs);
    const draft = draftOf({ value, append: { id, attempt } });
    try {
      const result = await batcher.write(partition, draft, attempt === 1 ? { ...how, isRetry: true } : how);
      budget.earn();
      return result;
    } catch (thrown) {
      error = toMendlogError(thrown);
    }
  }
}

/** After how long a node that is busy wants to be asked again; 0 where it says nothing. */
function hintOf({ code, details }: MendlogError): number {
  const { retryAfterMs } = details;
  return code === 'OVERLOADED' && typeof retryAfterMs === 'number' ? Math.min(retryAfterMs, HINT_MS_MAX) : 0;
}
