/**
 * Whoever waits for the answer to a request. What nobody waits for any more is not begun: it would take the time of
 * requests that are waited for, and under overload there would be none left for those (Dean and Barroso, "The Tail
 * at Scale", CACM 2013).
 */
import { MendlogError } from '../errors.js';

export interface Caller {
  /** Its deadline has passed, it has cancelled, or its connection has ended. */
  readonly isGone: boolean;
  /** Until when it waits, in milliseconds of a clock that only the ports read; Infinity: as long as it takes. */
  readonly deadlineMs: number;
}

/** Waits as long as it takes: a node that asks for itself. */
export const PATIENT: Caller = { isGone: false, deadlineMs: Number.POSITIVE_INFINITY };

/** Until when at least one of them waits. */
export function lastDeadlineMs(waiting: Iterable<{ readonly caller: Caller }>): number {
  let lastMs = Number.NEGATIVE_INFINITY;
  for (const { caller } of waiting) lastMs = Math.max(lastMs, caller.deadlineMs);
  return lastMs;
}

/** What becomes of a request whose caller has gone before anything was sent or stored for it. */
export function callerGone(): MendlogError {
  return new MendlogError('REQUEST_TIMEOUT', 'nobody waits for this request any more: nothing was done');
}
