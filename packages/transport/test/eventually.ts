// Waits for a state instead of for a time: polls until the condition holds, and fails by its name.
import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 5;
const DEADLINE_MS = 10_000;

export async function eventually(what: string, holds: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + DEADLINE_MS;
  while (!holds()) {
    if (performance.now() > deadlineMs) throw new Error(`waited in vain for ${what}`);
    await delay(POLL_MS);
  }
}
