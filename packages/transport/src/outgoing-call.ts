/** What a client's call and the connection that sends it know of each other. */
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
