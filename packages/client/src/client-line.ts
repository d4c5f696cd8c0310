/** How calls wait in a client for their turn, and what is left of their time when it comes. */
import { LIMITS, type LineBounds, MendlogError } from '@mendlog/core';

/** A call may spend this share of its time here: what is left has to do for the node. */
const WAIT_SHARE = 0.1;

/** Bounds of what waits for one node. */
export function clientLine(of: string, timeoutMs: number): LineBounds {
  const { clientQueueMax: itemsMax, writeQueueBytesMax: bytesMax } = LIMITS;
  const why = `too many ${of} are waiting; await some before you send more`;
  // Without a hint when to try again: whoever calls knows best how much it has called.
  const refusal = () => new MendlogError('OVERLOADED', why);
  return { itemsMax, bytesMax, waitMsMax: timeoutMs * WAIT_SHARE, refusal };
}

/** What the calls of one request have left: those that were called last wait longest. */
export function timeLeft(batch: readonly { readonly deadlineMs: number }[]): { readonly timeoutMs: number } {
  return { timeoutMs: Math.max(1, (batch.at(-1)?.deadlineMs ?? 0) - performance.now()) };
}

export function timeOver(): MendlogError {
  return new MendlogError('REQUEST_TIMEOUT', 'the time of the call was over before it could be sent');
}
