// Hints wait while there is more to do than can be done, here or at their target, and lose nothing by that.
import { HINT_POLICY_DEFAULT, MemoryStore, MendlogError, VERSION_BYTES, writeVersion } from '@mendlog/core';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { HintKeeper } from '../src/hints/hint-keeper.js';
import { silentLog } from '../src/log.js';
import { frame, groupOf, version } from './records.js';
import { kernel, tagKeyOf } from './test-store.js';

/** A hint for n2, which seems to be alive. */
async function setUp({ isBusy, refusal }: { isBusy: () => boolean; refusal: 'OVERLOADED' | 'DISK_FULL' }) {
  const store = new MemoryStore({ storeId: 'in memory', kernel, tagKeyOf });
  const versions = new Uint8Array(VERSION_BYTES);
  writeVersion(new DataView(versions.buffer), 0, version(1));
  const state = { createdAtMs: Date.now(), attempts: 0, nextAttemptAtMs: 0 };
  await store.apply(
    [groupOf('p', [frame(1)])],
    [{ target: 'n2', groups: [{ partition: 'p', versions }], ...state }],
  );
  const asked: string[] = [];
  const keeper = new HintKeeper({
    store,
    isBusy,
    policy: HINT_POLICY_DEFAULT,
    log: silentLog,
    onLost() {},
    peers: {
      self: 'n1',
      nodeIds: ['n1', 'n2'],
      isAlive: () => true,
      onAlive() {},
      connectionTo(node) {
        asked.push(node);
        throw new MendlogError(refusal, `${node} says ${refusal}`);
      },
    },
  });
  const attempts = () => store.hints({ limit: 10 }).map((hint) => hint.attempts);
  return { keeper, asked, attempts };
}

describe('hint keeper', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test('hint keeper: a busy node replays nothing until it is no more', async () => {
    let isBusy = true;
    const { keeper, asked } = await setUp({ isBusy: () => isBusy, refusal: 'DISK_FULL' });
    await vi.advanceTimersByTimeAsync(5000);
    expect(asked).toEqual([]);
    isBusy = false;
    await vi.advanceTimersByTimeAsync(500);
    expect(asked).toEqual(['n2']);
    await keeper.close();
  });

  test('hint keeper: a busy target costs a hint no attempt, another refusal does', async () => {
    const busy = await setUp({ isBusy: () => false, refusal: 'OVERLOADED' });
    await vi.advanceTimersByTimeAsync(1500);
    expect([busy.asked.length, busy.attempts()]).toEqual([3, [0]]);
    const full = await setUp({ isBusy: () => false, refusal: 'DISK_FULL' });
    await vi.advanceTimersByTimeAsync(500);
    expect(full.attempts()).toEqual([1]);
    await Promise.all([busy.keeper.close(), full.keeper.close()]);
  });
});
