/** The tRPC link that ends in a connection: a subscription becomes a message, and its items events of tRPC's. */
import { type MendlogError, toMendlogError } from '@mendlog/core';
import { TRPCClientError, type TRPCLink } from '@trpc/client';
import type { AnyRouter } from '@trpc/server';
import { observable } from '@trpc/server/observable';
import { CreditWindow } from './credits.js';
import { type SendCall, type SentCall, sendUntilAborted } from './outgoing-call.js';

export function subscriptionLink<Router extends AnyRouter>(send: SendCall): TRPCLink<Router> {
  return () =>
    ({ op: { path, input, context, signal } }) =>
      observable((observer) => {
        let sent: SentCall | undefined;
        const reject = (error: MendlogError) => observer.error(TRPCClientError.from(error));
        const resolve = () => observer.complete();
        const consumer = context.window instanceof CreditWindow ? context.window : undefined;
        const window = consumer ?? new CreditWindow();
        const onItem = (data: unknown, bytes: number) => {
          window.arrivingBytes = bytes;
          observer.next({ result: { type: 'data', data } });
          if (consumer === undefined) window.consumed(bytes);
        };
        try {
          const call = { type: 'subscription', path, input, creditBytes: window.bytes } as const;
          sent = sendUntilAborted(send, call, { resolve, reject, onItem }, signal);
          window.onGrant(sent.grant);
        } catch (error) {
          reject(toMendlogError(error));
        }
        return () => sent?.cancel();
      });
}
