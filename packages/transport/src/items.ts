/**
 * The items of a subscription, one after another: as many are under way or waiting here as the window holds,
 * and the server is paused until this side has consumed some of them. A plain `subscribe` with `onData` counts
 * an item as consumed when the callback returns; this one when the next is asked for.
 */
import { CreditWindow } from './credits.js';

export interface SubscribeOptions<Item> {
  readonly context: { readonly window: CreditWindow };
  readonly onData: (item: Item) => void;
  readonly onError: (error: unknown) => void;
  readonly onComplete: () => void;
}

export interface ItemsOptions {
  /** By default, and at most, LIMITS.subscriptionBytesMax. */
  readonly windowBytes?: number;
  /** Ends the wait for an item; the iteration then throws its reason. */
  readonly signal?: AbortSignal;
}

/**
 * `itemsOf<Item>((options) => connection.call.some.thing.subscribe(input, options))`. Ends with the subscription,
 * throws its error after the items that came before, and unsubscribes when the consumer leaves.
 */
export async function* itemsOf<Item>(
  subscribe: (options: SubscribeOptions<Item>) => { unsubscribe(): void },
  { windowBytes, signal }: ItemsOptions = {},
): AsyncGenerator<Item, void, undefined> {
  const window = new CreditWindow(windowBytes);
  let waiting: { readonly item: Item; readonly bytes: number }[] = [];
  let end: { readonly error?: unknown } | undefined;
  let wake = () => {};
  const endWith = (how: { readonly error?: unknown }) => {
    end ??= how;
    wake();
  };
  const abort = () => endWith({ error: signal?.reason });
  signal?.addEventListener('abort', abort);
  if (signal?.aborted) abort();
  const subscription = subscribe({
    context: { window },
    onData: (item) => {
      waiting.push({ item, bytes: window.arrivingBytes });
      wake();
    },
    onError: (error) => endWith({ error }),
    onComplete: () => endWith({}),
  });
  try {
    for (;;) {
      const batch = waiting;
      waiting = [];
      for (const { item, bytes } of batch) {
        yield item;
        window.consumed(bytes);
      }
      if (waiting.length > 0) continue;
      if (end !== undefined && 'error' in end) throw end.error;
      if (end !== undefined) return;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    signal?.removeEventListener('abort', abort);
    subscription.unsubscribe();
  }
}
