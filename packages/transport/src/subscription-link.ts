/** The tRPC link that ends in a connection: a subscription becomes a message, and its items events of tRPC's. */
import { MendlogError, toMendlogError } from '@mendlog/core';
import { TRPCClientError, type TRPCLink } from '@trpc/client';
import type { AnyRouter } from '@trpc/server';
import { observable } from '@trpc/server/observable';
import { CreditWindow } from './credits.js';
import type { SendCall, SentCall } from './outgoing-call.js';

export function subscriptionLink<Router extends AnyRouter>(send: SendCall): TRPCLink<Router> {
  return () =>
    ({ op: { path, input, context, signal } }) =>
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
        const resolve = () => {
          forget();
          observer.complete();
        };
        const consumer = context.window instanceof CreditWindow ? context.window : undefined;
        const window = consumer ?? new CreditWindow();
        const onItem = (data: unknown, bytes: number) => {
          window.arrivingBytes = bytes;
          observer.next({ result: { type: 'data', data } });
          if (consumer === undefined) window.consumed(bytes);
        };
        try {
          if (signal?.aborted) throw new MendlogError('CONNECTION_LOST', `${path} was aborted unsent`);
          const call = { type: 'subscription', path, input, creditBytes: window.bytes } as const;
          sent = send(call, { resolve, reject, onItem });
          window.onGrant(sent.grant);
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
