/**
 * How much one process works on at a time, over all its connections: calls, and bytes of their requests. A connection
 * has bounds of its own, and there may be a thousand of them. Where it gets tight, the least important is refused first:
 * the replay of hints, which loses nothing by waiting, then what clients ask for, and last what other nodes have begun
 * and would have to throw away. Heartbeats always pass: a busy node is not a dead one.
 */
import { LIMITS, type MendlogError, tooMany } from '@mendlog/core';

export interface CallGateOptions {
  /** More comes than goes: what can wait is to wait. */
  readonly isBusy: () => boolean;
  readonly callsMax?: number;
  readonly bytesMax?: number;
}

/** Of the bounds, what may be taken when a call of this kind comes. */
const SHARE_MAX = { replay: 0.5, client: 0.75, peer: 1 } as const;
type Kind = keyof typeof SHARE_MAX;

const HEARTBEAT = 'peer.heartbeat';
const REPLAY = 'peer.replay';

const refusal = tooMany('calls');

export class CallGate {
  readonly #isBusy: () => boolean;
  readonly #callsMax: number;
  readonly #bytesMax: number;
  #calls = 0;
  #bytes = 0;
  #refused = 0;
  #full: MendlogError | undefined;

  constructor(options: CallGateOptions) {
    const { isBusy, callsMax = LIMITS.nodeCallsMax, bytesMax = LIMITS.nodeCallBytesMax } = options;
    this.#isBusy = isBusy;
    this.#callsMax = callsMax;
    this.#bytesMax = bytesMax;
  }

  get calls(): number {
    return this.#calls;
  }

  /** Calls that were refused since the start. */
  get refused(): number {
    return this.#refused;
  }

  /** Throws OVERLOADED; else `leave` is to be called with the same bytes when the call has ended. */
  enter(path: string, bytes: number): void {
    const kind = kindOf(path);
    if (kind !== undefined && !this.#hasRoom(kind, bytes)) {
      this.#refused++;
      // One for all: see WaitingLine.
      this.#full ??= refusal(0);
      throw this.#full;
    }
    this.#calls++;
    this.#bytes += bytes;
  }

  leave(bytes: number): void {
    this.#calls--;
    this.#bytes -= bytes;
    this.#full = undefined;
  }

  #hasRoom(kind: Kind, bytes: number): boolean {
    if (kind === 'replay' && this.#isBusy()) return false;
    const share = SHARE_MAX[kind];
    return this.#calls < this.#callsMax * share && this.#bytes + bytes <= this.#bytesMax * share;
  }
}

/** Undefined: it always passes. */
function kindOf(path: string): Kind | undefined {
  if (!path.startsWith('peer.')) return 'client';
  if (path === HEARTBEAT) return undefined;
  return path === REPLAY ? 'replay' : 'peer';
}
