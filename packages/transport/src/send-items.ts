/**
 * Sends what a subscription's generator yields, and asks it for an item only while there are credits. The
 * generator is told to return when nobody wants items any more: what it holds, its `finally` lets go.
 */
import { MendlogError } from '@mendlog/core';
import { isTrackedEnvelope } from '@trpc/server';
import type { Credits } from './credits.js';
import { ITEM_OVERHEAD_BYTES } from './messages.js';

export interface Sending {
  readonly credits: Credits;
  /** Aborts when nobody wants items any more. */
  readonly signal: AbortSignal;
  /** Returns the bytes of the message. */
  readonly send: (item: unknown) => number;
}

/** Resolves when the generator has ended. Rejects with what it throws. */
export async function sendItems(produced: unknown, { credits, signal, send }: Sending): Promise<void> {
  if (!isAsyncIterable(produced)) throw new MendlogError('INTERNAL', 'a subscription is no async generator');
  const iterator = produced[Symbol.asyncIterator]();
  try {
    for (;;) {
      await credits.available(signal);
      if (signal.aborted) return;
      const next = await iterator.next();
      if (next.done === true || signal.aborted) return;
      credits.spend(send(unwrapped(next.value)) + ITEM_OVERHEAD_BYTES);
    }
  } finally {
    await iterator.return?.();
  }
}

/** As tRPC's own links show an item that carries an id to resume from. */
function unwrapped(item: unknown): unknown {
  if (!isTrackedEnvelope(item)) return item;
  const [id, data]: readonly unknown[] = item;
  return { id, data };
}

function isAsyncIterable(produced: unknown): produced is AsyncIterable<unknown> {
  return typeof produced === 'object' && produced !== null && Symbol.asyncIterator in produced;
}
