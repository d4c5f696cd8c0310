/** Who waits for the answer to a request, and what is left of that time for the calls that it makes of other nodes. */
import { setMaxListeners } from 'node:events';
import { type Caller, callerGone } from '@mendlog/core';

/** What the way that a request came by can tell of who waits. */
export interface CallerAbandonment {
  readonly isAbandoned: boolean;
  /** Aborts when nobody waits any more. It may be made when it is asked for. */
  readonly signal: AbortSignal;
}

export class RequestCaller implements Caller {
  readonly abandonment: CallerAbandonment | undefined;
  readonly deadlineMs: number;

  /**
   * Undefined: nobody can say that nobody waits any more. The deadline is one of `performance.now()`; Infinity where
   * the caller waits as long as the node lets it.
   */
  constructor(abandonment: CallerAbandonment | undefined, deadlineMs = Number.POSITIVE_INFINITY) {
    this.abandonment = abandonment;
    this.deadlineMs = deadlineMs;
  }

  /** Aborts when nobody waits any more; undefined where nobody can say so. To be asked for where it is used only. */
  get signal(): AbortSignal | undefined {
    return this.abandonment?.signal;
  }

  get isGone(): boolean {
    return this.abandonment?.isAbandoned === true || performance.now() >= this.deadlineMs;
  }
}

/** Of a request whose signal is there anyway. */
export function abandonmentOf(signal: AbortSignal): CallerAbandonment {
  return {
    signal,
    get isAbandoned() {
      return signal.aborted;
    },
  };
}

/** A caller inside this process that neither cancels nor has a deadline. */
export const LOCAL_CALLER = new RequestCaller(undefined);

/** Milliseconds until the deadline, `mostMs` where it is further away. Throws REQUEST_TIMEOUT where it has passed. */
export function timeLeftMs(deadlineMs: number, mostMs: number): number {
  const leftMs = deadlineMs - performance.now();
  if (leftMs <= 0) throw callerGone();
  return Math.min(leftMs, mostMs);
}

interface ForwardOptions {
  readonly signal?: AbortSignal;
  /** The connection has a time-out of its own. */
  readonly context?: { readonly timeoutMs: number };
}

/** What makes a call to another node end with the caller that it is made for. Throws REQUEST_TIMEOUT where it has gone. */
export function forwardedFor(caller: RequestCaller): ForwardOptions {
  if (caller.isGone) throw callerGone();
  const { signal, deadlineMs } = caller;
  // A listener for each call that is forwarded: they are bounded, and Node.js takes many for a leak.
  if (signal !== undefined) setMaxListeners(0, signal);
  return {
    ...(signal === undefined ? {} : { signal }),
    ...(deadlineMs === Number.POSITIVE_INFINITY
      ? {}
      : { context: { timeoutMs: timeLeftMs(deadlineMs, Number.POSITIVE_INFINITY) } }),
  };
}
