/** Where the records of a time lie: all of them in the ranges, and little else. */
import type { IndexRange } from '../digest/layout.js';
import type { TimeWindow } from '../ports/store.js';
import { expectEqual } from './expect.js';
import { counters, keyedFrame, version } from './made-records.js';
import { type OpenedStore, storeCase } from './opened-store.js';
import type { StoreCase } from './store-engine.js';

const ALL = { from: 0, limit: 100 };

/** Records of these counters, each written at a time of its own. */
async function write(
  opened: OpenedStore,
  of: readonly number[],
  timeOf: (counter: number) => number,
): Promise<void> {
  const frames = of.map((counter) => keyedFrame(version(counter), 'x', { timeMs: timeOf(counter) }));
  await opened.apply('orders', frames);
}

function expectRanges(opened: OpenedStore, time: TimeWindow, ranges: readonly IndexRange[]): void {
  const { fromMs, toMs } = time;
  const found = opened.store.timeRanges('orders', time, ALL);
  expectEqual(found, { ranges, next: undefined }, `ranges of the times from ${fromMs} to ${toMs}`);
}

export const TIME_CASES: readonly StoreCase[] = [
  storeCase('store: records of a time lie in the segments that it names', async (opened) => {
    const timeOf = (counter: number) => 10_000 + counter;
    await write(opened, counters(1, 900), timeOf);
    await opened.store.cleaned();
    // Some of a segment are there already, and others come later.
    await write(opened, counters(901, 1600), timeOf);
    await opened.inEachState(() => {
      expectRanges(opened, { fromMs: timeOf(1), toMs: timeOf(249) }, [{ from: 0, to: 249 }]);
      expectRanges(opened, { fromMs: timeOf(880), toMs: timeOf(1000) }, [{ from: 750, to: 1249 }]);
      expectRanges(opened, { fromMs: timeOf(1100), toMs: timeOf(1100) }, [{ from: 1000, to: 1249 }]);
      expectRanges(opened, { fromMs: 0, toMs: 1e15 }, [{ from: 0, to: 1749 }]);
      expectRanges(opened, { fromMs: 0, toMs: 10_000 }, []);
      expectRanges(opened, { fromMs: timeOf(1601), toMs: 1e15 }, []);
    });
  }),

  storeCase('store: ranges of a time come page by page (limit, from)', async (opened) => {
    // Two clocks: segments 0, 2 and 4 are of one, those between of the other.
    await write(opened, counters(1, 1249), (counter) => (Math.floor(counter / 250) % 2 === 0 ? 1 : 2));
    await opened.inEachState(() => {
      const time = { fromMs: 1, toMs: 1 };
      const first = opened.store.timeRanges('orders', time, { from: 0, limit: 2 });
      const two = [
        { from: 0, to: 249 },
        { from: 500, to: 749 },
      ];
      expectEqual(first, { ranges: two, next: 1000 }, 'the first two');
      const rest = opened.store.timeRanges('orders', time, { from: first.next ?? 0, limit: 2 });
      expectEqual(rest, { ranges: [{ from: 1000, to: 1249 }], next: undefined }, 'the rest');
    });
  }),

  storeCase('store: what was trimmed has no time any more, and what came late has', async (opened) => {
    await write(opened, counters(1, 600), () => 1000);
    await opened.store.trim('orders', 510);
    await opened.inEachState(() =>
      expectRanges(opened, { fromMs: 1000, toMs: 1000 }, [{ from: 500, to: 749 }]),
    );
    // Records far apart: a segment may hold records of many times.
    await write(opened, [700], () => 9000);
    await opened.inEachState(() => {
      expectRanges(opened, { fromMs: 9000, toMs: 9000 }, [{ from: 500, to: 749 }]);
      expectRanges(opened, { fromMs: 9001, toMs: 9001 }, []);
    });
  }),

  storeCase('store: a partition that is not known has no ranges of any time', (opened) => {
    const found = opened.store.timeRanges('none', { fromMs: 0, toMs: 1e15 }, ALL);
    expectEqual(found, { ranges: [], next: undefined }, 'ranges');
    return Promise.resolve();
  }),
];
