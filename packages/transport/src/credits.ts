/**
 * How much of a subscription may be under way: the consumer grants bytes, the server spends them. The server
 * goes below zero by one item at most, and then waits for more.
 */
import { LIMITS } from '@mendlog/core';

/** At the server. No grant, however large, makes more than the limit. */
export class Credits {
  #bytes: number;
  #wake: (() => void) | undefined;

  constructor(bytes: number) {
    this.#bytes = Math.min(bytes, LIMITS.subscriptionBytesMax);
  }

  grant(bytes: number): void {
    this.#bytes = Math.min(this.#bytes + bytes, LIMITS.subscriptionBytesMax);
    if (this.#bytes > 0) this.#wake?.();
  }

  spend(bytes: number): void {
    this.#bytes -= bytes;
  }

  /** Resolves when there are some, or when the signal aborts. One may wait at a time. */
  async available(signal: AbortSignal): Promise<void> {
    if (this.#bytes > 0 || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        this.#wake = undefined;
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#wake = done;
      signal.addEventListener('abort', done);
    });
  }
}

/** At the consumer: gives back what was consumed, half a window at a time. */
export class CreditWindow {
  readonly bytes: number;
  /** What the item that is just being handed on costs. */
  arrivingBytes = 0;
  #consumedBytes = 0;
  #grant: (bytes: number) => void = () => {};

  constructor(bytes: number = LIMITS.subscriptionBytesMax) {
    // A window beyond the limit would never be half consumed.
    this.bytes = Math.min(bytes, LIMITS.subscriptionBytesMax);
  }

  onGrant(grant: (bytes: number) => void): void {
    this.#grant = grant;
  }

  consumed(bytes: number): void {
    this.#consumedBytes += bytes;
    if (this.#consumedBytes * 2 < this.bytes) return;
    this.#grant(this.#consumedBytes);
    this.#consumedBytes = 0;
  }
}
