// Waits for a state instead of for a time: polls until the condition holds, and fails with what was last seen.
import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 20;

export interface Wait {
  /** What is waited for, for the message of a failure. */
  readonly for: string;
  readonly deadlineMs?: number;
}

/** Resolves to the first value that `holds`. `observe` may throw until it works. */
export async function eventually<T>(
  wait: Wait,
  observe: () => T | Promise<T>,
  holds: (seen: T) => boolean,
): Promise<T> {
  const deadlineMs = performance.now() + (wait.deadlineMs ?? 15_000);
  for (;;) {
    let last: unknown;
    try {
      const seen = await observe();
      if (holds(seen)) return seen;
      last = seen;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadlineMs) {
      const text = last instanceof Error ? last.message : JSON.stringify(last);
      throw new Error(`waited in vain for ${wait.for}; last seen: ${text}`);
    }
    await delay(POLL_MS);
  }
}
