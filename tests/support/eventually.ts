// Waits for a state, never for a time: polls until the condition holds, and fails with what was last seen.
import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 25;
/** Far above what is ever needed on a quiet machine: a busy one may take its time. */
const DEADLINE_MS = 60_000;

/** Resolves to the first value that `holds`. `observe` may throw until it works. */
export async function eventually<T>(
  what: string,
  observe: () => T | Promise<T>,
  holds: (seen: T) => boolean,
): Promise<T> {
  const deadlineMs = performance.now() + DEADLINE_MS;
  for (;;) {
    let last: unknown;
    try {
      const seen = await observe();
      if (holds(seen)) return seen;
      last = JSON.stringify(seen);
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadlineMs) throw new Error(`waited in vain for ${what}; last seen: ${last}`);
    await delay(POLL_MS);
  }
}
