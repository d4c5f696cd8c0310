/** The tRPC link that ends in a connection: each operation becomes a message, and its answer an event of tRPC's. */
import { MendlogError, toMendlogError } from '@mendlog/core';
import { TRPCClientError, type TRPCLink } from '@trpc/client';
import type { AnyRouter } from '@trpc/server';
import { observable } from '@trpc/server/observable';
import { CreditWindow } from './credits.js';
import type { CallMessage, SubscribeMessage } from './messages.js';
import type { PendingCall } from './pending-calls.js';

export type OutgoingCall = Omit<CallMessage, 'id'> | Omit<SubscribeMessage, 'id'>;
export type Outcome = Pick<PendingCall, 'resolve' | 'reject' | 'onItem'>;

export interface SentCall {
  /** Nobody waits any more: there is no outcome. */
  cancel(): void;
  grant(bytes: number): void;
}

/** `send` throws where nothing was sent. */
export function createLink<Router extends AnyRouter>(
  send: (call: OutgoingCall, outcome: Outcome) => SentCall,
  timeoutMsDefault: number,
): TRPCLink<Router> {
  return () =>
    ({ op: { type, path, input, context, signal } }) =>
      observable((observer) => {
        let sent: SentCall | undefined;
        const forget = () => signal?.removeEventListener('abort', abort);
        const reject = (error: MendlogError) => {
          forget();
          observer.error(TRPCClientError.from(error));
        };
        const abort = () => {
          sent?.cancel();
          reject(new MendlogError('CONNECTION_LOST', `the caller has aborted ${path}`));
        };
        try {
          if (signal?.aborted) throw new MendlogError('CONNECTION_LOST', `${path} was aborted unsent`);
          if (type === 'subscription') {
            const consumer = context.window instanceof CreditWindow ? context.window : undefined;
            const window = consumer ?? new CreditWindow();
            const onItem = (data: unknown, bytes: number) => {
              window.arrivingBytes = bytes;
              observer.next({ result: { type: 'data', data } });
              if (consumer === undefined) window.consumed(bytes);
            };
            const resolve = () => {
              forget();
              observer.complete();
            };
            sent = send({ type, path, input, creditBytes: window.bytes }, { resolve, reject, onItem });
            window.onGrant(sent.grant);
          } else {
            const timeoutMs = typeof context.timeoutMs === 'number' ? context.timeoutMs : timeoutMsDefault;
            // Not completed: tRPC's promise has its value, and would throw an exception away for the completion,
            // which is a fifth of what a call costs.
            const resolve = (data: unknown) => {
              forget();
              observer.next({ result: { type: 'data', data } });
            };
            sent = send({ type, path, input, timeoutMs }, { resolve, reject });
          }
          signal?.addEventListener('abort', abort);
        } catch (error) {
          reject(toMendlogError(error));
        }
        return () => {
          forget();
          sent?.cancel();
        };
      });
}
