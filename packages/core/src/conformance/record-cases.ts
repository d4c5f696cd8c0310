/** Records: what is kept, what is there already, which of two stays. */
import { allRows } from '../digest/layout.js';
import { compareTags } from '../protocol/listing.js';
import { packItems } from '../protocol/packed.js';
import { expectEqual, expectFields } from './expect.js';
import { counters, frame, groupOf, keyedFrame, version } from './made-records.js';
import { type OpenedStore, storeCase } from './opened-store.js';
import { EVERYTHING, framesOf, UNBOUNDED } from './store-digests.js';
import type { StoreCase } from './store-engine.js';

const ORDERS = [
  'lower tag first',
  'higher tag first',
  'both in one batch',
  'both, higher tag first',
] as const;

export const RECORD_CASES: readonly StoreCase[] = [
  storeCase('store: what was applied is read back, before and after a restart', async (opened) => {
    const frames = counters(1, 20).map((counter) => frame(counter, `value ${counter}`));
    expectFields(await opened.apply('orders', frames), { added: 20, trimmed: [] }, 'result');
    const { storeId } = opened.store;
    await opened.inEachState(() => {
      opened.expectRecords('orders', frames);
      expectEqual(opened.store.head('orders'), 20, 'head');
      const partitions = opened.store.partitions().map(({ partition, head }) => ({ partition, head }));
      expectEqual(partitions, [{ partition: 'orders', head: 20 }], 'partitions');
      expectEqual(opened.store.storeId, storeId, 'id of the store');
    });
  }),

  storeCase('store: a batch applied twice changes nothing the second time', async (opened) => {
    const frames = [frame(1, 'a'), frame(2, 'b'), frame(2, 'c', 2)];
    const group = groupOf('orders', frames);
    expectFields(await opened.store.apply([group], []), { added: 3, trimmed: [] }, 'result');
    const before = opened.store.summary('orders');
    await opened.inEachState(async () => {
      const again = await opened.store.apply([group, group], []);
      expectFields(again, { added: 0, trimmed: [] }, 'result of the second time');
      expectEqual(opened.store.summary('orders'), before, 'summary');
      opened.expectRecords('orders', frames);
    });
  }),

  storeCase('store: partitions are apart, also when one batch makes several', async (opened) => {
    const [a1, b1, c1, a2] = [frame(1, 'of a'), frame(1, 'of b'), frame(1, 'of c'), frame(2, 'a2')];
    await opened.store.apply([groupOf('a', [a1]), groupOf('b', [b1])], []);
    await opened.store.apply([groupOf('c', [c1]), groupOf('a', [a2])], []);
    await opened.inEachState(() => {
      opened.expectRecords('a', [a1, a2]);
      opened.expectRecords('b', [b1]);
      opened.expectRecords('c', [c1]);
      const names = opened.store.partitions().map(({ partition }) => partition);
      expectEqual(names.sort(), ['a', 'b', 'c'], 'partitions');
    });
  }),

  storeCase('store: an unknown partition is empty and has no summary', async ({ store }) => {
    expectEqual(store.head('none'), 0, 'head');
    expectEqual(store.summary('none'), undefined, 'summary');
    const nothing = { entries: new Uint8Array(0), truncated: false, trimmedTo: 0, head: 0 };
    expectEqual(store.list('none', EVERYTHING), nothing, 'listing');
    const page = store.readRange('none', EVERYTHING, UNBOUNDED);
    expectEqual(page, { frames: [], truncated: false }, 'page');
    expectEqual(store.rows('none', 0, [allRows(0)]), new Uint8Array(0), 'rows');
    expectEqual(store.read('none', { counter: 1 }), [], 'records');
    expectEqual(store.readVersions('none', [version(1)], UNBOUNDED), [], 'records by version');
    expectEqual(store.partitions(), [], 'partitions');
  }),

  storeCase('store: a group without records makes no partition', async (opened) => {
    expectFields(await opened.apply('none', []), { added: 0, trimmed: [] }, 'result');
    await opened.inEachState(() => {
      expectEqual(opened.store.partitions(), [], 'partitions');
      expectEqual(opened.store.summary('none'), undefined, 'summary');
    });
  }),

  storeCase(
    'store: a bare counter finds every record that carries it, a version only its own',
    async (opened) => {
      const [one, two] = [frame(7, 'one', 1), frame(7, 'two', 2)];
      await opened.apply('orders', [two, frame(8), one]);
      await opened.inEachState(() => {
        const { store } = opened;
        expectEqual(store.read('orders', { counter: 7 }), [one, two], 'records of counter 7');
        expectEqual(store.read('orders', version(7, 2)), [two], 'record of a version');
        expectEqual(store.read('orders', version(7, 3)), [], 'records of a version that is not there');
      });
    },
  ),

  storeCase('store: what goes in and what comes out is copied', async (opened) => {
    const expected = frame(1, 'value', 1);
    const group = groupOf('orders', [expected]);
    await opened.store.apply([group], []);
    group.bytes.fill(0);
    await opened.inEachState(() => {
      for (const read of [
        () => opened.store.read('orders', { counter: 1 }),
        () => opened.store.readVersions('orders', [version(1)], UNBOUNDED),
        () => opened.store.readRange('orders', EVERYTHING, UNBOUNDED).frames,
      ]) {
        const [given] = read();
        expectEqual(given, expected, 'a frame');
        given?.fill(0);
        expectEqual(read(), [expected], 'the frame again, after the one given out was changed');
      }
    });
  }),

  storeCase('store: what is under way when it is closed is there, or was refused', async (opened) => {
    const frames = [frame(1, 'one'), frame(2, 'two')];
    const outcome = opened.apply('orders', frames).then(
      () => frames,
      () => [],
    );
    await opened.reopen();
    opened.expectRecords('orders', await outcome);
  }),

  ...ORDERS.map((order) =>
    storeCase(`store: of two records of one version the higher tag stays (${order})`, async (opened) => {
      await expectHigherTag(opened, order, [frame(5, 'left'), frame(5, 'right')]);
    }),
  ),

  ...ORDERS.map((order) =>
    storeCase(
      `store: of two records of one version and one key the higher tag stays (${order})`,
      async (opened) => {
        const keyed = ['left', 'right'].map((value) => keyedFrame(version(5), value, { key: 'k' }));
        await expectHigherTag(opened, order, keyed);
      },
    ),
  ),

  storeCase('store: batches that are applied at the same time all count', async (opened) => {
    const batches = counters(0, 9).map((i) =>
      counters(i * 7 + 1, i * 7 + 12).map((counter) => frame(counter, `v${counter}`)),
    );
    const results = await Promise.all(batches.map((frames) => opened.apply('orders', frames)));
    const last = 9 * 7 + 12;
    expectEqual(
      results.reduce((sum, { added }) => sum + added, 0),
      last,
      'records added in all',
    );
    await opened.inEachState(() => {
      expectFields(opened.store.summary('orders'), { records: last, head: last }, 'summary');
      opened.expectRecords(
        'orders',
        counters(1, last).map((counter) => frame(counter, `v${counter}`)),
      );
    });
  }),
];

async function expectHigherTag(
  opened: OpenedStore,
  order: (typeof ORDERS)[number],
  two: readonly Uint8Array[],
): Promise<void> {
  const ascending = [...two].sort((a, b) =>
    compareTags(opened.tagOf('orders', a), opened.tagOf('orders', b)),
  );
  const frames = order.includes('higher tag first') ? ascending.toReversed() : ascending;
  const batches = order.startsWith('both') ? [frames] : frames.map((one) => [one]);
  const added: number[] = [];
  for (const batch of batches) added.push((await opened.store.apply([packItems('orders', batch)], [])).added);
  expectEqual(added, batches.length === 1 ? [1] : [1, 0], 'records added by each batch');
  await opened.inEachState(() => {
    const page = framesOf(opened.store, 'orders');
    expectEqual(page, ascending.slice(1), 'frames, of which only that of the higher tag is left');
    opened.expectRecords('orders', ascending.slice(1));
  });
}
