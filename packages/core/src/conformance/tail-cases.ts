/** Reading in the order of arrival: nothing is missed, across pages, restarts and whatever an engine makes of it later. */
import { LIMITS } from '../limits.js';
import type { TailPage, TailRange } from '../ports/store.js';
import { frameVersion } from '../record.js';
import { expectEqual, expectThrows, expectTrue } from './expect.js';
import { counters, frame, groupOf, keyedFrame, version } from './made-records.js';
import { storeCase } from './opened-store.js';
import type { StoreCase } from './store-engine.js';

const WIDE = { recordsMax: 1000, bytesMax: 1_000_000 };
const [FIRST, SECOND] = [frame(5, 'of b'), frame(6, 'of b too')];

const PAGED: readonly { readonly limit: string; readonly range: TailRange; readonly pages: number }[] = [
  { limit: 'recordsMax', range: { recordsMax: 7, bytesMax: 1_000_000 }, pages: 15 },
  { limit: 'bytesMax', range: { recordsMax: 1000, bytesMax: 1000 }, pages: 13 },
  { limit: 'bytesMax below one record', range: { recordsMax: 1000, bytesMax: 1 }, pages: 100 },
];

export const TAIL_CASES: readonly StoreCase[] = [
  storeCase(
    'tail: records of all partitions come in the order of arrival, before and after a restart',
    async (opened) => {
      const [third, fourth] = [frame(9, 'of a'), frame(2, 'of a, and later')];
      await opened.store.apply([groupOf('b', [FIRST, SECOND]), groupOf('a', [third])], []);
      await opened.apply('a', [fourth]);
      await opened.inEachState(() => {
        const page = opened.store.tail(WIDE);
        const b = [FIRST, SECOND].map((frame) => ({ partition: 'b', frame }));
        const a = [third, fourth].map((frame) => ({ partition: 'a', frame }));
        expectEqual(framesOf(page), [...b, ...a], 'records');
        expectTrue(page.atEnd, 'nothing follows');
        const rest = opened.store.tail({ ...WIDE, after: page.cursor });
        expectEqual(rest, { ...page, records: [] }, 'the page after the last record');
      });
    },
  ),

  storeCase('tail: an empty store is at its end, and its cursor finds what comes', async (opened) => {
    const { records, cursor, atEnd } = opened.store.tail(WIDE);
    expectEqual({ records, atEnd }, { records: [], atEnd: true }, 'page of an empty store');
    await opened.apply('a', [FIRST]);
    await opened.inEachState(() => {
      const page = opened.store.tail({ ...WIDE, after: cursor });
      expectEqual(framesOf(page), [{ partition: 'a', frame: FIRST }], 'what came after it');
    });
  }),

  ...PAGED.map(({ limit, range, pages }) =>
    storeCase(`tail: pages follow one another without gaps and repeats (${limit})`, async (opened) => {
      for (const first of [1, 21, 41, 61, 81]) {
        const batch = counters(first, first + 19).map((counter) => frame(counter, 'x'.repeat(100)));
        await opened.apply('a', batch);
      }
      const found: string[] = [];
      let page = opened.store.tail(range);
      let turn = 1;
      for (; !page.atEnd && turn <= pages; turn++) {
        found.push(...seen(page));
        // Wherever it is, a cursor outlives a restart.
        if (turn === 3) await opened.reopen();
        page = opened.store.tail({ ...range, after: page.cursor });
      }
      found.push(...seen(page));
      expectEqual(turn, pages, 'number of pages');
      expectEqual(
        found,
        counters(1, 100).map((counter) => `a/${counter}`),
        'records of all pages',
      );
    }),
  ),

  storeCase('tail: of some partitions alone the cursor moves on over the others', async (opened) => {
    for (const counter of counters(1, 10))
      await opened.store.apply([groupOf('a', [frame(counter)]), groupOf('b', [frame(counter)])], []);
    await opened.inEachState(() => {
      const some = { recordsMax: 4, bytesMax: 1000, partitions: new Set(['b', 'none']) };
      const page = opened.store.tail(some);
      expectEqual(seen(page), ['b/1', 'b/2', 'b/3', 'b/4'], 'records of b, at most 4');
      const rest = opened.store.tail({ ...WIDE, partitions: new Set(['b']), after: page.cursor });
      expectEqual(
        seen(rest),
        counters(5, 10).map((counter) => `b/${counter}`),
        'the rest of b',
      );
    });
  }),

  storeCase('tail: what was trimmed is not among it, and what holds a key is', async (opened) => {
    await opened.apply(
      'a',
      counters(1, 10).map((counter) => frame(counter)),
    );
    for (const counter of counters(1, 10))
      await opened.apply('keyed', [keyedFrame(version(counter), 'v', { key: 'k' })]);
    await opened.store.trim('a', 7);
    await opened.inEachState(() => {
      const found = seen(opened.store.tail(WIDE));
      const ofA = found.filter((text) => text.startsWith('a/'));
      expectEqual(ofA, ['a/8', 'a/9', 'a/10'], 'records of a, which was trimmed');
      expectTrue(found.includes('keyed/10'), 'the holder of the key is among it');
    });
  }),

  storeCase('tail: the place of each record is a cursor right after it', async (opened) => {
    for (const first of [1, 6, 11])
      await opened.apply(
        'a',
        counters(first, first + 4).map((counter) => frame(counter)),
      );
    await opened.inEachState(() => {
      const { storeId } = opened.store;
      for (const [i, { arrival, ordinal }] of opened.store.tail(WIDE).records.entries()) {
        const rest = opened.store.tail({ ...WIDE, after: { storeId, arrival, ordinal } });
        const expected = counters(i + 2, 15).map((counter) => `a/${counter}`);
        expectEqual(seen(rest), expected, `what follows record ${i + 1}`);
      }
    });
  }),

  storeCase('tail: behind the end is what comes later', async (opened) => {
    await opened.apply('a', [frame(1), frame(2)]);
    await opened.inEachState(() => {
      const after = opened.store.arrivalEnd();
      expectEqual(seen(opened.store.tail({ ...WIDE, after })), [], 'what is behind the end');
    });
    const after = opened.store.arrivalEnd();
    await opened.apply('a', [frame(3)]);
    await opened.inEachState(() => {
      expectEqual(seen(opened.store.tail({ ...WIDE, after })), ['a/3'], 'what came after the end');
    });
  }),

  storeCase('tail: a listener is told of each commit that brings records, once', async (opened) => {
    const { store } = opened;
    const told: { partitions: string[]; shown: string[] }[] = [];
    let after = store.arrivalEnd();
    const listen = () =>
      store.onArrival(({ partitions, end }) => {
        const shown = seen(store.tail({ ...WIDE, after }));
        told.push({ partitions: [...partitions].sort(), shown });
        after = end;
      });
    const stop = listen();
    const groups = ['a', 'b'].map((name) => groupOf(name, [frame(1), frame(2)]));
    await store.apply(groups, []);
    await store.apply(groups, []);
    await opened.apply('a', [frame(3)]);
    stop();
    await opened.apply('a', [frame(4)]);
    expectEqual(
      told,
      [
        { partitions: ['a', 'b'], shown: ['a/1', 'a/2', 'b/1', 'b/2'] },
        { partitions: ['a'], shown: ['a/3'] },
      ],
      'what the listener was told, and what it saw then',
    );
  }),

  storeCase('tail: listeners are bounded', async ({ store }) => {
    const stops = counters(1, LIMITS.arrivalListenersMax).map(() => store.onArrival(() => {}));
    expectThrows(() => store.onArrival(() => {}), 'OVERLOADED', 'one listener more');
    for (const stop of stops) stop();
    store.onArrival(() => {})();
  }),

  storeCase('tail: a cursor of another store is refused', async ({ store }) => {
    const after = { storeId: 'another', arrival: 1, ordinal: 0 };
    expectThrows(() => store.tail({ ...WIDE, after }), 'BAD_REQUEST', 'a cursor of another store');
  }),
];

function framesOf({ records }: TailPage): { partition: string; frame: Uint8Array }[] {
  return records.map(({ partition, frame }) => ({ partition, frame }));
}

function seen({ records }: TailPage): string[] {
  return records.map(({ partition, frame }) => `${partition}/${frameVersion(frame).counter}`);
}
