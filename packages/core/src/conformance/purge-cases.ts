/**
 * Fences and purges (SPEC I5): at or below a fence no write comes in; tombstones that are purged are gone, and what
 * they had deleted stays away, whoever brings it.
 */
import { LIMITS } from '../limits.js';
import { frameVersion } from '../record.js';
import { putKey } from '../record-key.js';
import { expectEqual, expectFields, expectRejects, show } from './expect.js';
import { counters, frame, groupOf, keyedFrame, version } from './made-records.js';
import { type OpenedStore, storeCase } from './opened-store.js';
import { framesOf, UNBOUNDED } from './store-digests.js';
import type { StoreCase } from './store-engine.js';

const put = (counter: number, key: string) => keyedFrame(version(counter), `v${counter}`, { key });
const tombstone = (counter: number, key: string) =>
  keyedFrame(version(counter), '', { key, tombstone: true });

export const PURGE_CASES: readonly StoreCase[] = [
  storeCase('store: at or below the fence no write comes in, and what is there stays', async (opened) => {
    await opened.apply('orders', [frame(1), put(2, 'k'), put(4, 'k'), frame(6)]);
    await opened.store.fence('orders', 5, 0);
    await opened.store.fence('orders', 3, 0);
    const held = [frame(1), put(4, 'k'), frame(6)];
    await opened.inEachState(async () => {
      const summary = { head: 6, trimmedTo: 0, fencedTo: 5, purgedTo: 0 };
      expectFields(opened.store.summary('orders'), summary, 'summary');
      const fenced = [{ partition: 'orders', fencedTo: 5 }];
      const late = await opened.apply('orders', [frame(5), frame(3), put(5, 'new')]);
      expectEqual(late, { added: 0, trimmed: [], fenced, purged: [] }, 'result of late writes');
      // What is there, and what has been superseded, is not refused.
      const again = await opened.apply('orders', [frame(1), put(2, 'k'), put(4, 'k')]);
      expectEqual(again, { added: 0, trimmed: [], fenced: [], purged: [] }, 'result of the same again');
      opened.expectRecords('orders', held);
    });
    const mixed = await opened.apply('orders', [frame(5), frame(7)]);
    expectFields(
      mixed,
      { added: 1, fenced: [{ partition: 'orders', fencedTo: 5 }] },
      'result of a mixed batch',
    );
    const repaired = await opened.store.apply([groupOf('orders', [frame(5)])], [], 'repair');
    expectFields(repaired, { added: 1, fenced: [] }, 'result of a repair');
    await opened.inEachState(() =>
      opened.expectRecords('orders', [...held.slice(0, 2), frame(5), frame(6), frame(7)]),
    );
  }),

  storeCase(
    'store: a fence above every record raises the head, one of an unknown partition makes it',
    async (opened) => {
      await opened.store.fence('orders', 8, 0);
      await opened.inEachState(() => {
        const summary = { records: 0, head: 8, trimmedTo: 0, fencedTo: 8, purgedTo: 0 };
        expectFields(opened.store.summary('orders'), summary, 'summary');
        expectEqual(opened.store.head('orders'), 8, 'head');
      });
      const beyond = opened.store.fence('orders', 9 + LIMITS.counterJumpMax, 0);
      await expectRejects(beyond, 'CLOCK_JUMP', 'a fence far above the head');
      await expectRejects(
        opened.store.purge('orders', 9 + LIMITS.counterJumpMax),
        'CLOCK_JUMP',
        'a purge far above the head',
      );
      await opened.apply('orders', [frame(8), frame(9)]);
      await opened.inEachState(() => opened.expectRecords('orders', [frame(9)]));
    },
  ),

  storeCase('store: a fence is for replicas that have purged as much', async (opened) => {
    await deleteSome(opened);
    expectEqual(await opened.store.fence('orders', 5, 4), false, 'a fence after a purge that is not here');
    expectEqual(await opened.store.fence('orders', 5, 0), true, 'a fence');
    await opened.store.purge('orders', 5);
    await opened.inEachState(async () => {
      for (const purgedTo of [0, 6])
        expectEqual(await opened.store.fence('orders', 9, purgedTo), false, `a fence after ${purgedTo}`);
      expectFields(opened.store.summary('orders'), { head: 10, fencedTo: 5, purgedTo: 5 }, 'summary');
    });
    expectEqual(await opened.store.fence('orders', 9, 5), true, 'a fence after the purge');
    expectFields(opened.store.summary('orders'), { fencedTo: 9 }, 'summary');
  }),

  storeCase('store: a fence and batches at the same time agree on what is there', async (opened) => {
    const frames = counters(1, 40).map((counter) => frame(counter));
    await opened.apply('orders', frames.slice(0, 10));
    const below = () => framesOf(opened.store, 'orders').filter((one) => frameVersion(one).counter <= 25);
    const [earlier, atFence, later] = await Promise.all([
      opened.apply('orders', frames.slice(10, 20)),
      opened.store.fence('orders', 25, 0).then(below),
      opened.apply('orders', frames.slice(20, 40)),
    ]);
    // Whichever came first: what is refused is not there, and nothing comes in below once the fence is there.
    expectEqual(earlier.added + later.added, atFence.length - 10 + 15, 'records added');
    expectEqual(
      earlier.fenced.length + later.fenced.length > 0,
      atFence.length < 25,
      'some writes are refused',
    );
    await opened.inEachState(() => opened.expectRecords('orders', [...atFence, ...frames.slice(25)]));
  }),

  storeCase('store: a purge takes the tombstones at or below it, and nothing else', async (opened) => {
    await deleteSome(opened);
    await opened.store.fence('orders', 9, 0);
    await opened.store.purge('orders', 8);
    await opened.store.purge('orders', 3);
    await opened.inEachState(() => {
      opened.expectRecords('orders', [frame(4), put(6, 'd'), put(7, 'back'), tombstone(9, 'b'), frame(10)]);
      const summary = { head: 10, fencedTo: 9, purgedTo: 8 };
      expectFields(opened.store.summary('orders'), summary, 'summary');
      const keys = ['a', 'b', 'c', 'd', 'back'].map(putKey);
      const frames = [tombstone(9, 'b'), put(6, 'd'), put(7, 'back')];
      expectEqual(opened.store.readKeys('orders', keys, UNBOUNDED), frames, 'holders of keys');
      const states = opened.store
        .keyStates('orders', keys)
        .map((state) => typeof state === 'string' && state);
      expectEqual(states, ['absent', false, 'absent', false, false], 'states of keys');
    });
    // A key that was purged is as good as new.
    await opened.apply('orders', [put(11, 'a'), tombstone(12, 'd')]);
    await opened.store.fence('orders', 12, 8);
    await opened.store.purge('orders', 12);
    await opened.inEachState(() =>
      opened.expectRecords('orders', [frame(4), put(7, 'back'), frame(10), put(11, 'a')]),
    );
  }),

  storeCase('store: what a purged tombstone had deleted stays away, whoever brings it', async (opened) => {
    await deleteSome(opened);
    await opened.store.fence('orders', 9, 0);
    await opened.store.purge('orders', 8);
    const held = [frame(4), put(6, 'd'), put(7, 'back'), tombstone(9, 'b'), frame(10)];
    const old = [groupOf('orders', [put(1, 'a'), put(3, 'c')])];
    const nothing = { added: 0, trimmed: [], fenced: [], purged: [] };
    await opened.inEachState(async () => {
      const fenced = [{ partition: 'orders', fencedTo: 9 }];
      const purged = [{ partition: 'orders', purgedTo: 8 }];
      expectEqual(await opened.store.apply(old, []), { ...nothing, fenced }, 'result of a write');
      for (const source of ['repair', { purgedTo: 7 }] as const)
        expectEqual(
          await opened.store.apply(old, [], source),
          { ...nothing, purged },
          `result of ${show(source)}`,
        );
      // A tombstone that is gone elsewhere is not taken either, nor is what is held refused.
      const gone = [groupOf('orders', [tombstone(5, 'a'), frame(4), put(6, 'd')])];
      expectEqual(await opened.store.apply(gone, [], { purgedTo: 8 }), { ...nothing, purged }, 'a tombstone');
      opened.expectRecords('orders', held);
    });
    // From a replica that has purged as much, what it holds is alive.
    const alive = [groupOf('orders', [put(3, 'c'), frame(2)])];
    expectEqual(
      await opened.store.apply(alive, [], { purgedTo: 8 }),
      { ...nothing, added: 2 },
      'result of a session',
    );
    await opened.inEachState(() => opened.expectRecords('orders', [frame(2), put(3, 'c'), ...held]));
  }),

  storeCase(
    'store: a replica that had no fence as high drops all that it holds at or below a purge',
    async (opened) => {
      await deleteSome(opened);
      await opened.store.fence('orders', 7, 0);
      await opened.store.purge('orders', 8);
      const held = [tombstone(9, 'b'), frame(10)];
      await opened.inEachState(async () => {
        opened.expectRecords('orders', held);
        expectFields(opened.store.summary('orders'), { head: 10, fencedTo: 8, purgedTo: 8 }, 'summary');
        const late = await opened.store.apply([groupOf('orders', [frame(4)])], [], 'repair');
        expectFields(
          late,
          { added: 0, purged: [{ partition: 'orders', purgedTo: 8 }] },
          'result of a repair',
        );
      });
      const brought = [groupOf('orders', [frame(4), put(6, 'd'), put(7, 'back')])];
      expectFields(
        await opened.store.apply(brought, [], { purgedTo: 8 }),
        { added: 3 },
        'result of a session',
      );
      const [four, six, seven] = [frame(4), put(6, 'd'), put(7, 'back')];
      await opened.inEachState(() => opened.expectRecords('orders', [four, six, seven, ...held]));
    },
  ),

  storeCase(
    `store: more tombstones than one step removes go in several (tombstones=${LIMITS.trimStepRecords + 500})`,
    async (opened) => {
      const many = LIMITS.trimStepRecords + 500;
      const keys = counters(1, many).map((n) => `k${n}`);
      const puts = keys.map((key, i) => put(i + 1, key));
      const deletes = keys.map((key, i) => tombstone(many + i + 1, key));
      await opened.apply('orders', puts);
      await opened.apply('orders', deletes);
      await opened.apply('others', [tombstone(2, 'x')]);
      await opened.store.fence('orders', 2 * many, 0);
      await opened.store.purge('orders', 2 * many - 1);
      await opened.inEachState(() => {
        opened.expectRecords('orders', deletes.slice(-1));
        opened.expectRecords('others', [tombstone(2, 'x')]);
      });
    },
  ),
];

/** Of the keys a, b and c the first is deleted at 5, the second at 9, the third at 8; d and back are held. */
async function deleteSome(opened: OpenedStore): Promise<void> {
  await opened.apply('orders', [put(1, 'a'), put(2, 'b'), put(3, 'c'), frame(4)]);
  await opened.apply('orders', [tombstone(5, 'a'), put(6, 'd')]);
  await opened.store.cleaned();
  await opened.apply('orders', [
    tombstone(2, 'back'),
    put(7, 'back'),
    tombstone(8, 'c'),
    tombstone(9, 'b'),
    frame(10),
  ]);
}
