/**
 * The tRPC client of a connection, which its typed proxy calls with the path of a procedure.
 *
 * A query or mutation is one promise that its answer resolves. tRPC's own client sends it through a chain of links: an
 * observable for each, shared, made a promise of again, with the operation copied on the way, which cost as
 * much as encoding and sending the message. Subscriptions, which are observables, still go through the link.
 */
import { type MendlogError, toMendlogError } from '@mendlog/core';
import { TRPCClientError, type TRPCRequestOptions, TRPCUntypedClient } from '@trpc/client';
import type { AnyRouter } from '@trpc/server';
import { type SendCall, sendUntilAborted } from './outgoing-call.js';
import { subscriptionLink } from './subscription-link.js';

export class UntypedClient<Router extends AnyRouter> extends TRPCUntypedClient<Router> {
  readonly #send: SendCall;
  readonly #timeoutMs: number;

  constructor(send: SendCall, timeoutMs: number) {
    super({ links: [subscriptionLink<Router>(send)] });
    this.#send = send;
    this.#timeoutMs = timeoutMs;
  }

  override query(path: string, input?: unknown, options?: TRPCRequestOptions): Promise<unknown> {
    return this.#call('query', path, input, options);
  }

  override mutation(path: string, input?: unknown, options?: TRPCRequestOptions): Promise<unknown> {
    return this.#call('mutation', path, input, options);
  }

  /** Rejects with a TRPCClientError that carries a MendlogError as its cause. `context.timeoutMs` stands in for the connection's. */
  #call(
    type: 'query' | 'mutation',
    path: string,
    input: unknown,
    { context, signal }: TRPCRequestOptions = {},
  ): Promise<unknown> {
    const timeoutMs = typeof context?.timeoutMs === 'number' ? context.timeoutMs : this.#timeoutMs;
    return new Promise((resolve, reject) => {
      const refuse = (error: MendlogError) => reject(TRPCClientError.from(error));
      try {
        sendUntilAborted(this.#send, { type, path, input, timeoutMs }, { resolve, reject: refuse }, signal);
      } catch (error) {
        refuse(toMendlogError(error));
      }
    });
  }
}
