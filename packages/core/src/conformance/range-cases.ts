/** Ranges and pages: in both directions, up to their limits, over records that came in several batches. */
import { INDEXED_ROW_BYTES } from '../digest/kernel.js';
import { allRows, DIGEST_LAYOUT, rowSpan } from '../digest/layout.js';
import { LIMITS } from '../limits.js';
import { packListingEntries, type VersionRange } from '../protocol/listing.js';
import { frameVersion } from '../record.js';
import {
  compareVersions,
  formatVersion,
  VERSION_HIGHEST,
  VERSION_LOWEST,
  type Version,
  versionAfter,
  versionBefore,
} from '../version.js';
import { expectEqual, expectThrows, within } from './expect.js';
import {
  byVersion,
  counters,
  countersOf,
  entryOf,
  frame,
  groupOf,
  keyedFrame,
  version,
} from './made-records.js';
import { type OpenedStore, storeCase } from './opened-store.js';
import { EVERYTHING, UNBOUNDED } from './store-digests.js';
import type { StoreCase } from './store-engine.js';

export const RANGE_CASES: readonly StoreCase[] = [
  storeCase('store: a listing has versions and tags, and says when it is cut (limit)', async (opened) => {
    const frames = counters(1, 10).map((counter) => frame(counter, `v${counter}`));
    await opened.apply('orders', frames);
    await opened.inEachState(() => {
      const expectListed = (range: Partial<VersionRange>, expected: readonly number[], truncated: boolean) =>
        expectEqual(
          opened.store.list('orders', { ...EVERYTHING, ...range }),
          listingOf(
            opened,
            expected.map((counter) => frames[counter - 1] as Uint8Array),
            { truncated, head: 10 },
          ),
          `listing of ${JSON.stringify(range)}`,
        );
      expectListed({ limit: 4 }, [1, 2, 3, 4], true);
      expectListed({ limit: 10 }, counters(1, 10), false);
      expectListed({ limit: 11 }, counters(1, 10), false);
      expectListed({ limit: 2, from: version(9) }, [9, 10], false);
      expectListed({ limit: 10, from: version(3), to: version(5) }, [3, 4, 5], false);
      expectListed({ limit: 3, from: version(3), to: version(5) }, [3, 4, 5], false);
      expectListed({ limit: 2, from: version(3), to: version(5) }, [3, 4], true);
      // Both ends are versions: another origin of the same counter may lie outside.
      expectListed({ limit: 10, from: version(3, 2), to: version(5, 0) }, [4], false);
      expectListed({ limit: 10, from: version(5), to: version(3) }, [], false);
      const descending = true;
      expectListed({ descending, limit: 4 }, [10, 9, 8, 7], true);
      expectListed({ descending, limit: 10 }, counters(1, 10).toReversed(), false);
      expectListed({ descending, limit: 2, to: version(2) }, [2, 1], false);
      expectListed({ descending, limit: 2, from: version(3), to: version(5) }, [5, 4], true);
      expectListed({ descending, limit: 10, from: version(3, 2), to: version(5, 0) }, [4], false);
      expectListed({ descending, limit: 10, from: version(5), to: version(3) }, [], false);
    });
  }),

  storeCase('store: a page ends at its limit or its bytes, with at least one record', async (opened) => {
    const frames = counters(1, 6).map((counter) => frame(counter, 'x'.repeat(100)));
    await opened.apply('orders', frames);
    await opened.inEachState(() => {
      const expectPaged = (
        { limit, bytesMax, descending }: { limit: number; bytesMax: number; descending: boolean },
        expected: readonly number[],
        truncated: boolean,
      ) => {
        const page = opened.store.readRange('orders', { ...EVERYTHING, limit, descending }, bytesMax);
        const came = { counters: countersOf(page.frames), truncated: page.truncated };
        const what = `page (limit=${limit}, bytesMax=${bytesMax}, descending=${descending})`;
        const counters = expected.map((counter) => (descending ? 7 - counter : counter));
        expectEqual(came, { counters, truncated }, what);
      };
      for (const descending of [false, true]) {
        expectPaged({ limit: 3, bytesMax: UNBOUNDED, descending }, [1, 2, 3], true);
        expectPaged({ limit: 6, bytesMax: UNBOUNDED, descending }, counters(1, 6), false);
        expectPaged({ limit: 6, bytesMax: 1, descending }, [1], true);
        expectPaged({ limit: 1, bytesMax: 1, descending }, [1], true);
        expectPaged({ limit: 6, bytesMax: 300, descending }, [1, 2, 3], true);
        expectPaged({ limit: 6, bytesMax: 6 * 126 - 1, descending }, counters(1, 6), false);
      }
    });
  }),

  storeCase(
    'store: versions are read in the order asked for, those that are not there left out',
    async (opened) => {
      const frames = counters(1, 5).map((counter) => frame(counter, 'x'.repeat(100)));
      await opened.apply('orders', frames);
      await opened.inEachState(() => {
        const asked = [version(4), version(9), version(2), version(2, 7), version(5)];
        const read = (bytesMax: number) => opened.store.readVersions('orders', asked, bytesMax);
        const [, two, , four, five] = frames;
        expectEqual(read(UNBOUNDED), [four, two, five], 'records by version');
        expectEqual(read(1), [four], 'records by version, at most 1 byte');
        expectEqual(read(127), [four, two], 'records by version, at most a byte more than the first');
        expectEqual(
          opened.store.readVersions('unknown', asked, UNBOUNDED),
          [],
          'those of an unknown partition',
        );
      });
    },
  ),

  ...[false, true].map((descending) =>
    storeCase(
      `store: pages and listings go through records of several batches (descending=${descending})`,
      async (opened) => {
        const held = await scatter(opened);
        const ranges = [
          { from: VERSION_LOWEST, to: VERSION_HIGHEST },
          { from: version(10, 2), to: version(40, 1) },
          { from: version(12), to: version(12) },
          { from: version(600), to: VERSION_HIGHEST },
        ];
        await opened.inEachState(async () => {
          for (const range of ranges) {
            const inside = held.filter((one) => isInside(one, range));
            if (descending) inside.reverse();
            for (const limit of [1, 2, 7, inside.length, 100])
              await within(
                `from ${formatVersion(range.from)} to ${formatVersion(range.to)}, limit ${limit}`,
                () => goThrough(opened, inside, { ...range, limit: Math.max(1, limit), descending }),
              );
          }
        });
      },
    ),
  ),

  storeCase(
    'store: rows of every level stay as they are while the head passes what they cover',
    async (opened) => {
      const held: Uint8Array[] = [frame(1), frame(7)];
      await opened.apply('orders', held);
      for (let level = 0; level < DIGEST_LAYOUT.levels; level++) {
        await opened.store.cleaned();
        held.push(frame(rowSpan(level) + 1));
        await opened.apply('orders', held.slice(-1));
        await opened.inEachState(() => opened.expectRecords('orders', held));
      }
    },
  ),

  storeCase('store: more digest rows than a message holds are refused', async (opened) => {
    const { store } = opened;
    // One record in each segment, so that every record is a row of level 0.
    const ofSegment = (segment: number) => frame(segment * DIGEST_LAYOUT.segmentSize + 1);
    const segments = LIMITS.rowsMax + 1;
    const perGroup = LIMITS.batchRecordsMax;
    for (let from = 0; from < segments; from += perGroup) {
      const to = Math.min(from + perGroup, segments) - 1;
      await store.apply([groupOf('wide', counters(from, to).map(ofSegment))], []);
    }
    expectThrows(() => store.rows('wide', 0, [allRows(0)]), 'TOO_LARGE', 'all rows');
    const rowsOf = (...ranges: { from: number; to: number }[]) =>
      store.rows('wide', 0, ranges).length / INDEXED_ROW_BYTES;
    expectEqual(rowsOf({ from: 0, to: LIMITS.rowsMax - 1 }), LIMITS.rowsMax, 'number of rows, the most');
    expectEqual(rowsOf({ from: 3, to: 4 }, { from: 9, to: 9 }), 3, 'number of rows of two ranges');
  }),
];

/**
 * Records that came in disorder, before and after the store had settled: some were superseded, some trimmed, and
 * two share a counter. Returns those that are held, ascending.
 */
async function scatter(opened: OpenedStore): Promise<Uint8Array[]> {
  const plain = (counter: number, origin = 1) => frame(counter, 'x'.repeat(counter % 9), origin);
  const put = (counter: number) => keyedFrame(version(counter, 3), 'keyed', { key: 'k' });
  const even = counters(1, 30).map((half) => plain(2 * half));
  const odd = counters(0, 29).map((half) => plain(2 * half + 1));
  await opened.apply('orders', [...even.slice(10), put(25), put(300)]);
  await opened.store.cleaned();
  await opened.apply('orders', [...odd, put(44)]);
  await opened.apply('orders', [plain(12, 2), plain(12, 0), put(290)]);
  await opened.store.trim('orders', 5);
  await opened.store.cleaned();
  await opened.apply('orders', [...even.slice(0, 10), put(301), plain(250), plain(550)]);
  const after = [plain(12, 2), plain(12, 0), put(301), plain(250), plain(550)];
  return [...even.slice(2), ...odd.slice(3), ...after].sort(byVersion);
}

/** Every page and every listing of a range, each from behind the one before. */
function goThrough(opened: OpenedStore, inside: readonly Uint8Array[], range: VersionRange): void {
  const { limit } = range;
  const head = 550;
  for (let start = 0; start <= inside.length; start += limit) {
    const page = inside.slice(start, start + limit);
    const truncated = start + limit < inside.length;
    const rest = beyond(range, start === 0 ? undefined : inside[start - 1]);
    if (rest === undefined) return;
    const what = `the ${limit} after ${start} records`;
    expectEqual(opened.store.readRange('orders', rest, UNBOUNDED), { frames: page, truncated }, what);
    const listing = listingOf(opened, page, { truncated, head, trimmedTo: 5 });
    expectEqual(opened.store.list('orders', rest), listing, `the listing of ${what}`);
    // At least one where there is one.
    const one = opened.store.readRange('orders', rest, 1);
    expectEqual(
      one,
      { frames: page.slice(0, 1), truncated: start + 1 < inside.length },
      `of ${what} one byte`,
    );
  }
}

/** What of a range follows a record in its order. */
function beyond(range: VersionRange, last: Uint8Array | undefined): VersionRange | undefined {
  if (last === undefined) return range;
  const next =
    range.descending === true ? versionBefore(frameVersion(last)) : versionAfter(frameVersion(last));
  if (next === undefined) return undefined;
  return range.descending === true ? { ...range, to: next } : { ...range, from: next };
}

function isInside(frame: Uint8Array, { from, to }: { from: Version; to: Version }): boolean {
  const at = frameVersion(frame);
  return compareVersions(at, from) >= 0 && compareVersions(at, to) <= 0;
}

function listingOf(
  { engine }: OpenedStore,
  frames: readonly Uint8Array[],
  { truncated, head, trimmedTo = 0 }: { truncated: boolean; head: number; trimmedTo?: number },
) {
  const entries = packListingEntries(frames.map((one) => entryOf(engine, 'orders', one)));
  return { entries, truncated, trimmedTo, head };
}
