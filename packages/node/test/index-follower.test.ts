// When the index begins a step, with timers that never fire by themselves.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { frame, groupOf } from './records.js';
import { temporaryFolder } from './temporary-folder.js';
import { openStore } from './test-store.js';

const TURNS_MAX = 100_000;
/** In which a step that does not wait is long over. */
const TURNS_ENOUGH = 1000;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Turns of the event loop until this is so; false where it does not come to be. */
async function comesTrue(isTrue: () => boolean, turnsMax = TURNS_MAX): Promise<boolean> {
  for (let turns = 0; turns < turnsMax; turns++) {
    if (isTrue()) return true;
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return false;
}

test('index: few records that fill a good part of the overlay begin a step, before writes wait for room', async () => {
  using folder = temporaryFolder();
  const store = openStore(folder.path, { overlayBytesMax: 4096 });
  try {
    await store.apply([groupOf('p', [frame(1, 'v'.repeat(3000))])], []);
    expect(store.indexLagBytes).toBeGreaterThan(0);
    expect(await comesTrue(() => store.indexLagBytes === 0)).toBe(true);
  } finally {
    await store.close();
  }
});

test('index: few small records wait for more, and a store that closes does not wait for them', async () => {
  using folder = temporaryFolder();
  const store = openStore(folder.path);
  await store.apply([groupOf('p', [frame(1)])], []);
  expect(await comesTrue(() => store.indexLagBytes === 0, TURNS_ENOUGH)).toBe(false);
  // A pause that nobody ends would keep it open for good.
  await store.close();
});
