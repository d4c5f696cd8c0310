/** Trims (SPEC I5): what is trimmed is gone at once and stays away; what it took is given back behind that. */
import { LIMITS } from '../limits.js';
import { expectEqual, expectFields, expectRejects } from './expect.js';
import { counters, countersOf, frame, groupOf, version } from './made-records.js';
import { storeCase } from './opened-store.js';
import { EVERYTHING, framesOf, UNBOUNDED } from './store-digests.js';
import type { StoreCase } from './store-engine.js';

export const TRIM_CASES: readonly StoreCase[] = [
  storeCase(
    'store: trimmed records are gone and stay away, and the head is kept, also across restarts',
    async (opened) => {
      const frames = counters(1, 10).map((counter) => frame(counter, `v${counter}`));
      await opened.apply('orders', frames);
      await opened.store.trim('orders', 7);
      await opened.store.trim('orders', 3);
      await opened.inEachState(async () => {
        await opened.store.cleaned();
        opened.expectRecords('orders', frames.slice(7));
        const again = await opened.apply('orders', frames);
        expectFields(again, { added: 0, trimmed: [{ partition: 'orders', trimmedTo: 7 }] }, 'result');
        const summary = { records: 3, head: 10, trimmedTo: 7, cleanedTo: 7 };
        expectFields(opened.store.summary('orders'), summary, 'summary');
        expectFields(opened.store.list('orders', EVERYTHING), { trimmedTo: 7, head: 10 }, 'listing');
        opened.expectRecords('orders', frames.slice(7));
      });
      await opened.store.trim('orders', 10);
      const nothing = { records: 0, bytes: 0, head: 10, trimmedTo: 10 };
      expectFields(opened.store.summary('orders'), nothing, 'summary, where all is trimmed');
      await opened.store.cleaned();
      await opened.inEachState(() => {
        opened.expectRecords('orders', []);
        expectFields(opened.store.summary('orders'), { ...nothing, cleanedTo: 10 }, 'summary');
      });
    },
  ),

  storeCase(
    'store: a trim above every record raises the head, one of an unknown partition makes it',
    async (opened) => {
      await opened.store.trim('orders', 5);
      await opened.inEachState(() => {
        const summary = { partition: 'orders', records: 0, head: 5, trimmedTo: 5 };
        expectFields(opened.store.summary('orders'), summary, 'summary');
        expectEqual(opened.store.partitions().length, 1, 'number of partitions');
      });
      const expected = { added: 1, trimmed: [{ partition: 'orders', trimmedTo: 5 }] };
      expectFields(await opened.apply('orders', [frame(5), frame(6)]), expected, 'result');
      const beyond = opened.store.trim('orders', 7 + LIMITS.counterJumpMax);
      await expectRejects(beyond, 'CLOCK_JUMP', 'a trim far above the head');
      await opened.inEachState(() => {
        expectFields(opened.store.summary('orders'), { head: 6, trimmedTo: 5 }, 'summary');
        expectEqual(framesOf(opened.store, 'orders'), [frame(6)], 'frames');
      });
      await opened.store.trim('orders', 9);
      expectFields(
        await opened.apply('orders', [frame(9)]),
        { added: 0, trimmed: [{ partition: 'orders', trimmedTo: 9 }] },
        'result',
      );
      await opened.inEachState(() => {
        expectEqual(opened.store.head('orders'), 9, 'head');
        expectEqual(framesOf(opened.store, 'orders'), [], 'frames, of which none is left');
      });
    },
  ),

  storeCase('store: partitions that are trimmed while others are cleaned are cleaned too', async (opened) => {
    const names = ['a', 'b', 'c', 'd'];
    const per = 3 * LIMITS.trimStepRecords;
    const frames = counters(1, per).map((counter) => frame(counter));
    for (const name of names) await opened.apply(name, frames);
    await Promise.all(names.toReversed().map((name) => opened.store.trim(name, per - 5)));
    await opened.store.trim('a', per - 1);
    await opened.store.cleaned();
    for (const name of names) opened.expectRecords(name, frames.slice(name === 'a' ? -1 : -5));
  }),

  storeCase('store: what a stop leaves of trimmed records is removed after it', async (opened) => {
    const later = frame(9001);
    for (const from of [1, 4001])
      await opened.apply(
        'orders',
        counters(from, from + 3999).map((n) => frame(n)),
      );
    await opened.apply('orders', [later]);
    await opened.store.trim('orders', 9000);
    await opened.reopen();
    expectEqual(framesOf(opened.store, 'orders'), [later], 'frames');
    await opened.store.cleaned();
    opened.expectRecords('orders', [later]);
  }),

  storeCase(
    `store: more records than one step removes go in several, those of one counter together (records=${2 * LIMITS.trimStepRecords + 501})`,
    async (opened) => {
      const many = counters(1, 2 * LIMITS.trimStepRecords).map((origin) => frame(2, '', origin));
      await opened.apply('orders', [frame(1), ...many]);
      const later = counters(3, 502).map((counter) => frame(counter));
      await opened.apply('orders', later);
      await opened.store.trim('orders', 2);
      // At once out of sight, and behind that removed.
      const { store } = opened;
      expectEqual(countersOf(framesOf(store, 'orders')), counters(3, 502), 'counters of the frames');
      const read = store.readVersions('orders', [version(1), version(3)], UNBOUNDED);
      expectEqual(read, [frame(3)], 'records by version');
      expectEqual(store.read('orders', { counter: 2 }), [], 'records of a counter');
      const descending = store.list('orders', { ...EVERYTHING, descending: true, limit: 501 });
      expectFields(descending, { truncated: false, trimmedTo: 2, head: 502 }, 'listing');
      await store.cleaned();
      expectFields(store.summary('orders'), { records: 500, trimmedTo: 2, cleanedTo: 2 }, 'summary');
      opened.expectRecords('orders', later);
    },
  ),

  storeCase('store: a trim and a batch at the same time agree on what is left', async (opened) => {
    const frames = counters(1, 40).map((counter) => frame(counter));
    await opened.apply('orders', frames.slice(0, 10));
    const outcomes = await Promise.all([
      opened.store.apply([groupOf('orders', frames.slice(10, 20))], []),
      opened.store.trim('orders', 15),
      opened.store.apply([groupOf('orders', frames.slice(20, 40))], []),
    ]);
    expectFields(outcomes[2], { added: 20, trimmed: [] }, 'result of the later batch');
    await opened.store.cleaned();
    await opened.inEachState(() => opened.expectRecords('orders', frames.slice(15)));
  }),
];
