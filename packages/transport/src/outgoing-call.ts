/** What a client's call and the connection that sends it know of each other. */
import { MendlogError } from '@mendlog/core';
import type { CallMessage, SubscribeMessage } from './messages.js';
import type { PendingCall } from './pending-calls.js';

export type OutgoingCall = Omit<CallMessage, 'id'> | Omit<SubscribeMessage, 'id'>;
export type Outcome = Pick<PendingCall, 'resolve' | 'reject' | 'onItem'>;

export interface SentCall {
  /** Nobody waits any more: there is no outcome. */
  cancel(): void;
  grant(bytes: number): void;
}

/** Throws where nothing was sent; no outcome comes before it returns. */
export type SendCall = (call: OutgoingCall, outcome: Outcome) => SentCall;

/** Sends a call that ends as CONNECTION_LOST when the signal aborts. Throws as `send`, and where it has aborted already. */
export function sendUntilAborted(
  send: SendCall,
  call: OutgoingCall,
  outcome: Outcome,
  signal: AbortSignal | null | undefined,
): SentCall {
  // Most calls have none, and need nothing of this.
  if (signal === undefined || signal === null) return send(call, outcome);
  const { path } = call;
  if (signal.aborted) throw new MendlogError('CONNECTION_LOST', `${path} was aborted unsent`);
  const forget = () => signal.removeEventListener('abort', abort);
  const { resolve, reject } = outcome;
  const sent = send(call, {
    ...outcome,
    resolve(data) {
      forget();
      resolve(data);
    },
    reject(error) {
      forget();
      reject(error);
    },
  });
  const cancel = () => {
    forget();
    sent.cancel();
  };
  const abort = () => {
    cancel();
    reject(new MendlogError('CONNECTION_LOST', `the caller has aborted ${path}`));
  };
  signal.addEventListener('abort', abort);
  return { ...sent, cancel };
}
