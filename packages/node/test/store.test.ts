// The storage port: what a store keeps, what it refuses, and that its digests are those of its records. Both engines
// pass these tests, the one in memory as the oracle of the one on LMDB.
import {
  allRows,
  compareTags,
  compareVersions,
  DIGEST_LAYOUT,
  decodeFrame,
  formatVersion,
  frameVersion,
  INDEXED_ROW_BYTES,
  LIMITS,
  listingEntries,
  MendlogError,
  VERSION_HIGHEST,
  VERSION_LOWEST,
} from '@mendlog/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { counters, frame, groupOf, version } from './records.js';
import { EVERYTHING, expectDigestsOf, framesOf, hex, tagOfFrame, UNBOUNDED } from './store-digests.js';
import { ENGINES, TestStore } from './test-store.js';

const countersOf = (frames: readonly Uint8Array[]) => frames.map((bytes) => frameVersion(bytes).counter);

describe.each(ENGINES)('store (engine=%s)', (engine) => {
  describe('store: records', () => {
    test('store: what was applied is read back, before and after a restart', async () => {
      await using opened = new TestStore({ engine });
      const frames = counters(1, 20).map((counter) => frame(counter, `value ${counter}`));
      expect(await opened.store.apply([groupOf('orders', frames)], [])).toEqual({ added: 20, trimmed: [] });
      const { storeId } = opened.store;
      for (const when of ['before', 'after']) {
        expect(framesOf(opened.store, 'orders').map(hex)).toEqual(frames.map(hex));
        expect(opened.store.head('orders')).toBe(20);
        expect(opened.store.partitions()).toMatchObject([{ partition: 'orders', records: 20, head: 20 }]);
        expect(opened.store.storeId).toBe(storeId);
        if (when === 'before') await opened.reopen();
      }
    });

    test('store: a batch applied twice changes nothing the second time', async () => {
      await using opened = new TestStore({ engine });
      const group = groupOf('orders', [frame(1, 'a'), frame(2, 'b'), frame(2, 'c', 2)]);
      expect(await opened.store.apply([group], [])).toEqual({ added: 3, trimmed: [] });
      const before = opened.store.summary('orders');
      expect(await opened.store.apply([group, group], [])).toEqual({ added: 0, trimmed: [] });
      expect(opened.store.summary('orders')).toEqual(before);
      expectDigestsOf(opened.store, 'orders', framesOf(opened.store, 'orders'));
    });

    test('store: partitions are apart, also when one batch makes several', async () => {
      await using opened = new TestStore({ engine });
      await opened.store.apply([groupOf('a', [frame(1, 'of a')]), groupOf('b', [frame(1, 'of b')])], []);
      await opened.store.apply([groupOf('c', [frame(1, 'of c')]), groupOf('a', [frame(2, 'a2')])], []);
      const values = (partition: string) =>
        framesOf(opened.store, partition).map((bytes) => Buffer.from(decodeFrame(bytes).value).toString());
      expect([values('a'), values('b'), values('c')]).toEqual([['of a', 'a2'], ['of b'], ['of c']]);
      for (const name of ['a', 'b', 'c']) expectDigestsOf(opened.store, name, framesOf(opened.store, name));
    });

    test('store: an unknown partition is empty and has no summary', async () => {
      await using opened = new TestStore({ engine });
      const { store } = opened;
      expect(store.head('none')).toBe(0);
      expect(store.summary('none')).toBeUndefined();
      expect(store.list('none', EVERYTHING)).toMatchObject({ truncated: false, entries: { length: 0 } });
      expect(store.rows('none', 0, [allRows(0)])).toHaveLength(0);
      expect(store.read('none', { counter: 1 })).toEqual([]);
      expect(store.readVersions('none', [version(1)], UNBOUNDED)).toEqual([]);
    });

    test('store: a bare counter finds every record that carries it, a version only its own', async () => {
      await using opened = new TestStore({ engine });
      const { store } = opened;
      await store.apply([groupOf('orders', [frame(7, 'one', 1), frame(7, 'two', 2), frame(8)])], []);
      expect(store.read('orders', { counter: 7 }).map(hex)).toEqual([
        hex(frame(7, 'one', 1)),
        hex(frame(7, 'two', 2)),
      ]);
      expect(store.read('orders', version(7, 2)).map(hex)).toEqual([hex(frame(7, 'two', 2))]);
      expect(store.read('orders', version(7, 3))).toEqual([]);
    });
  });

  describe('store: two records of one version', () => {
    const [lower, higher] = [frame(5, 'left'), frame(5, 'right')].sort((a, b) =>
      compareTags(tagOfFrame('orders', a), tagOfFrame('orders', b)),
    ) as [Uint8Array, Uint8Array];

    test.each([
      { order: 'lower tag first', batches: [[lower], [higher]], added: [1, 0] },
      { order: 'higher tag first', batches: [[higher], [lower]], added: [1, 0] },
      { order: 'both in one batch', batches: [[lower, higher]], added: [1] },
      { order: 'both in one batch, higher tag first', batches: [[higher, lower]], added: [1] },
    ])('store: the higher tag stays ($order)', async ({ batches, added }) => {
      await using opened = new TestStore({ engine });
      for (const [i, batch] of batches.entries()) {
        expect((await opened.store.apply([groupOf('orders', batch)], [])).added).toBe(added[i]);
      }
      expect(framesOf(opened.store, 'orders').map(hex)).toEqual([hex(higher)]);
      expectDigestsOf(opened.store, 'orders', [higher]);
    });
  });

  describe('store: refusals', () => {
    const malformed = {
      'too short': frame(2).subarray(0, 10),
      empty: new Uint8Array(0),
      'unknown format': Uint8Array.from([9, ...frame(2).subarray(1)]),
      'unknown flags': Uint8Array.from([1, 1, ...frame(2).subarray(2)]),
      'counter 0': Uint8Array.from([1, 0, ...new Uint8Array(8), ...frame(2).subarray(10)]),
      'counter above 2^53 - 1': Uint8Array.from([
        1,
        0,
        ...new Uint8Array(8).fill(255),
        ...frame(2).subarray(10),
      ]),
      'time above 2^53 - 1': Uint8Array.from([
        ...frame(2).subarray(0, 18),
        ...new Uint8Array(8).fill(255),
        ...frame(2).subarray(26),
      ]),
    };

    test.each(Object.entries(malformed))(
      'store: of a batch with a malformed frame nothing is stored (%s)',
      async (_, bad) => {
        await using opened = new TestStore({ engine });
        const hint = {
          target: 'n2',
          createdAtMs: 1,
          attempts: 0,
          nextAttemptAtMs: 0,
          groups: [{ partition: 'orders', versions: new Uint8Array(16) }],
        };
        const batch = [groupOf('orders', [frame(1)]), groupOf('other', [frame(1), bad, frame(3)])];
        await expect(opened.store.apply(batch, [hint])).rejects.toMatchObject({ code: 'MALFORMED' });
        expect(opened.store.partitions()).toEqual([]);
        expect(opened.store.hints({ target: 'n2', limit: 10 })).toEqual([]);
        await opened.reopen();
        expect(opened.store.partitions()).toEqual([]);
        expect((await opened.store.apply([groupOf('orders', [frame(1)])], [])).added).toBe(1);
      },
    );

    test('store: a counter may jump as far as the limit and no further', async () => {
      await using opened = new TestStore({ engine });
      const { store } = opened;
      await store.apply([groupOf('orders', [frame(10)])], []);
      const furthest = 10 + LIMITS.counterJumpMax;
      await expect(store.apply([groupOf('orders', [frame(furthest + 1)])], [])).rejects.toMatchObject({
        code: 'CLOCK_JUMP',
      });
      expect(store.head('orders')).toBe(10);
      expect((await store.apply([groupOf('orders', [frame(furthest)])], [])).added).toBe(1);
      expect(store.head('orders')).toBe(furthest);
      expectDigestsOf(store, 'orders', framesOf(store, 'orders'));
    });

    test('store: after closing, writes are refused as CLOSED and closing again is nothing', async () => {
      await using opened = new TestStore({ engine });
      await opened.store.close();
      await opened.store.close();
      await expect(opened.store.apply([groupOf('orders', [frame(1)])], [])).rejects.toMatchObject({
        code: 'CLOSED',
      });
      await expect(opened.store.deleteHints([])).rejects.toThrow(MendlogError);
    });
  });

  describe('store: ranges', () => {
    test('store: a listing has versions and tags, and says when it is cut (limit)', async () => {
      await using opened = new TestStore({ engine });
      const frames = counters(1, 10).map((counter) => frame(counter, `v${counter}`));
      await opened.store.apply([groupOf('orders', frames)], []);
      const listed = (limit: number, from = VERSION_LOWEST, to = VERSION_HIGHEST) => {
        const listing = opened.store.list('orders', { from, to, limit });
        const entries = listingEntries(listing, { from, to, limit });
        for (const { version, tag } of entries) {
          expect(hex(tag)).toBe(hex(tagOfFrame('orders', frames[version.counter - 1] ?? new Uint8Array(0))));
        }
        return [entries.map((entry) => entry.version.counter), listing.truncated];
      };
      expect(listed(4)).toEqual([[1, 2, 3, 4], true]);
      expect(listed(10)).toEqual([counters(1, 10), false]);
      expect(listed(11)).toEqual([counters(1, 10), false]);
      expect(listed(2, version(9))).toEqual([[9, 10], false]);
      expect(listed(10, version(3), version(5))).toEqual([[3, 4, 5], false]);
      expect(listed(3, version(3), version(5))).toEqual([[3, 4, 5], false]);
      expect(listed(2, version(3), version(5))).toEqual([[3, 4], true]);
      // Both ends are versions: another origin of the same counter may lie outside.
      expect(listed(10, version(3, 2), version(5, 0))).toEqual([[4], false]);
      expect(listed(10, version(5), version(3))).toEqual([[], false]);
    });

    test('store: a page ends at its limit or its bytes, with at least one record', async () => {
      await using opened = new TestStore({ engine });
      const frames = counters(1, 6).map((counter) => frame(counter, 'x'.repeat(100)));
      await opened.store.apply([groupOf('orders', frames)], []);
      const paged = (limit: number, bytesMax: number) => {
        const page = opened.store.readRange('orders', { ...EVERYTHING, limit }, bytesMax);
        return [countersOf(page.frames), page.truncated];
      };
      expect(paged(3, UNBOUNDED)).toEqual([[1, 2, 3], true]);
      expect(paged(6, UNBOUNDED)).toEqual([counters(1, 6), false]);
      expect(paged(6, 1)).toEqual([[1], true]);
      expect(paged(1, 1)).toEqual([[1], true]);
      const [some, truncated] = paged(6, 300);
      expect(truncated).toBe(true);
      expect(some).toEqual([1, 2, 3]);
    });

    test('store: versions are read in the order asked for, those that are not there left out', async () => {
      await using opened = new TestStore({ engine });
      const frames = counters(1, 5).map((counter) => frame(counter, 'x'.repeat(100)));
      await opened.store.apply([groupOf('orders', frames)], []);
      const asked = [version(4), version(9), version(2), version(2, 7), version(5)];
      expect(countersOf(opened.store.readVersions('orders', asked, UNBOUNDED))).toEqual([4, 2, 5]);
      expect(countersOf(opened.store.readVersions('orders', asked, 1))).toEqual([4]);
    });

    test('store: more digest rows than a message holds are refused', async () => {
      await using opened = new TestStore({ engine });
      const { store } = opened;
      // One record in each segment, so that every record is a row of level 0.
      const ofSegment = (segment: number) => frame(segment * DIGEST_LAYOUT.segmentSize + 1);
      const segments = LIMITS.rowsMax + 1;
      const perGroup = LIMITS.batchRecordsMax;
      for (let from = 0; from < segments; from += perGroup) {
        const to = Math.min(from + perGroup, segments) - 1;
        await store.apply([groupOf('wide', counters(from, to).map(ofSegment))], []);
      }
      expect(() => store.rows('wide', 0, [allRows(0)])).toThrow(
        expect.objectContaining({ code: 'TOO_LARGE' }),
      );
      const most = store.rows('wide', 0, [{ from: 0, to: LIMITS.rowsMax - 1 }]);
      expect(most.length / INDEXED_ROW_BYTES).toBe(LIMITS.rowsMax);
      expect(
        store.rows('wide', 0, [
          { from: 3, to: 4 },
          { from: 9, to: 9 },
        ]).length,
      ).toBe(3 * INDEXED_ROW_BYTES);
    });
  });

  describe('store: trim (SPEC I5)', () => {
    test('store: trimmed records are gone and stay away, and the head is kept, also across restarts', async () => {
      await using opened = new TestStore({ engine });
      const frames = counters(1, 10).map((counter) => frame(counter, `v${counter}`));
      await opened.store.apply([groupOf('orders', frames)], []);
      await opened.store.trim('orders', 7);
      await opened.store.trim('orders', 3);
      for (const when of ['before', 'after']) {
        await opened.store.cleaned();
        expect(countersOf(framesOf(opened.store, 'orders'))).toEqual([8, 9, 10]);
        const again = await opened.store.apply([groupOf('orders', frames)], []);
        expect(again).toEqual({ added: 0, trimmed: [{ partition: 'orders', trimmedTo: 7 }] });
        expect(opened.store.summary('orders')).toMatchObject({ records: 3, head: 10, trimmedTo: 7 });
        expect(opened.store.list('orders', EVERYTHING)).toMatchObject({ trimmedTo: 7, head: 10 });
        expectDigestsOf(opened.store, 'orders', frames.slice(7));
        if (when === 'before') await opened.reopen();
      }
      await opened.store.trim('orders', 10);
      expect(opened.store.summary('orders')).toMatchObject({ records: 0, bytes: 0, head: 10, trimmedTo: 10 });
      await opened.store.cleaned();
      expectDigestsOf(opened.store, 'orders', []);
    });

    test('store: a trim above every record raises the head, one of an unknown partition makes it', async () => {
      await using opened = new TestStore({ engine });
      await opened.store.trim('orders', 5);
      expect(opened.store.summary('orders')).toMatchObject({ records: 0, head: 5, trimmedTo: 5 });
      expect(await opened.store.apply([groupOf('orders', [frame(5), frame(6)])], [])).toEqual({
        added: 1,
        trimmed: [{ partition: 'orders', trimmedTo: 5 }],
      });
      await expect(opened.store.trim('orders', 7 + LIMITS.counterJumpMax)).rejects.toMatchObject({
        code: 'CLOCK_JUMP',
      });
    });

    test('store: partitions that are trimmed while others are cleaned are cleaned too', async () => {
      await using opened = new TestStore({ engine });
      const names = ['a', 'b', 'c', 'd'];
      const per = 3 * LIMITS.trimStepRecords;
      for (const name of names)
        await opened.store.apply(
          [
            groupOf(
              name,
              counters(1, per).map((n) => frame(n)),
            ),
          ],
          [],
        );
      await Promise.all(names.toReversed().map((name) => opened.store.trim(name, per - 5)));
      await opened.store.trim('a', per - 1);
      await opened.store.cleaned();
      for (const name of names) expectDigestsOf(opened.store, name, framesOf(opened.store, name));
    });

    test('store: what a stop leaves of trimmed records is removed after it', async () => {
      await using opened = new TestStore({ engine });
      const later = frame(9001);
      for (let from = 1; from <= 8000; from += 4000)
        await opened.store.apply(
          [
            groupOf(
              'orders',
              counters(from, from + 3999).map((n) => frame(n)),
            ),
          ],
          [],
        );
      await opened.store.apply([groupOf('orders', [later])], []);
      await opened.store.trim('orders', 9000);
      await opened.reopen();
      expect(framesOf(opened.store, 'orders').map(hex)).toEqual([hex(later)]);
      await opened.store.cleaned();
      expect(opened.store.summary('orders')).toMatchObject({ records: 1, bytes: later.length });
      expectDigestsOf(opened.store, 'orders', [later]);
    });

    test('store: more records than one step removes go in several, those of one counter together (records=2501)', async () => {
      await using opened = new TestStore({ engine });
      const many = counters(1, 2 * LIMITS.trimStepRecords).map((origin) => frame(2, '', origin));
      await opened.store.apply([groupOf('orders', [frame(1), ...many])], []);
      const later = counters(3, 502).map((counter) => frame(counter));
      await opened.store.apply([groupOf('orders', later)], []);
      await opened.store.trim('orders', 2);
      // At once out of sight, and behind that removed.
      expect(countersOf(framesOf(opened.store, 'orders'))).toEqual(counters(3, 502));
      expect(opened.store.readVersions('orders', [version(1), version(3)], UNBOUNDED)).toHaveLength(1);
      await opened.store.cleaned();
      expect(opened.store.summary('orders')).toMatchObject({ records: 500, trimmedTo: 2 });
      expectDigestsOf(opened.store, 'orders', later);
    });
  });

  describe('store: digests (SPEC I7)', () => {
    // Few counters and origins around the borders of segments and rows, so that batches meet often.
    const border = DIGEST_LAYOUT.segmentSize;
    const upperBorder = DIGEST_LAYOUT.segmentSize * DIGEST_LAYOUT.fanout;
    const record = fc.record({
      counter: fc.oneof(
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: border - 2, max: border + 2 }),
        fc.integer({ min: upperBorder - 2, max: upperBorder + 2 }),
        fc.integer({ min: 1, max: 2 ** 40 }),
      ),
      origin: fc.constantFrom(1n, 2n, 2n ** 64n - 1n),
      value: fc.constantFrom('', 'a', 'b', 'c'),
      partition: fc.constantFrom('p', 'q'),
    });
    const trim = fc.record({
      trimTo: fc.oneof(fc.integer({ min: 1, max: 6 }), fc.constantFrom(border, upperBorder)),
      partition: fc.constantFrom('p', 'q'),
    });
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.array(record, { minLength: 1, maxLength: 12 }) },
      { weight: 2, arbitrary: trim },
      { weight: 1, arbitrary: fc.constant('reopen' as const) },
    );

    test('store: records and digests are those of a model (random batches, duplicates, conflicts, trims, restarts)', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(step, { minLength: 1, maxLength: 6 }),
          fc.boolean(),
          async (steps, together) => {
            await using opened = new TestStore({ engine });
            const model = new Map<string, Map<string, Uint8Array>>();
            const trimmedTo = new Map<string, number>();
            const heads = new Map<string, number>();
            for (const batch of steps) {
              if (batch === 'reopen') {
                await opened.reopen();
                continue;
              }
              if (!Array.isArray(batch)) {
                const { partition, trimTo } = batch;
                await opened.store.trim(partition, trimTo);
                await opened.store.cleaned();
                trimmedTo.set(partition, Math.max(trimTo, trimmedTo.get(partition) ?? 0));
                heads.set(partition, Math.max(trimTo, heads.get(partition) ?? 0));
                const records = model.get(partition) ?? new Map<string, Uint8Array>();
                model.set(partition, records);
                for (const [key, bytes] of records)
                  if (frameVersion(bytes).counter <= trimTo) records.delete(key);
                continue;
              }
              let added = 0;
              const refused = new Set<string>();
              const brought = batch.map(({ counter, origin, value, partition }) => {
                const bytes = frame(counter, value, origin);
                const records = model.get(partition) ?? new Map<string, Uint8Array>();
                model.set(partition, records);
                if (counter <= (trimmedTo.get(partition) ?? 0)) {
                  refused.add(partition);
                  return { partition, bytes };
                }
                heads.set(partition, Math.max(counter, heads.get(partition) ?? 0));
                const key = formatVersion(version(counter, origin));
                const known = records.get(key);
                if (known === undefined) added++;
                if (
                  known === undefined ||
                  compareTags(tagOfFrame(partition, known), tagOfFrame(partition, bytes)) < 0
                ) {
                  records.set(key, bytes);
                }
                return { partition, bytes };
              });
              // Either a group for each record, or one for each partition.
              const groups = together
                ? [...new Set(brought.map(({ partition }) => partition))].map((name) =>
                    groupOf(
                      name,
                      brought.filter(({ partition }) => partition === name).map(({ bytes }) => bytes),
                    ),
                  )
                : brought.map(({ partition, bytes }) => groupOf(partition, [bytes]));
              const applied = await opened.store.apply(groups, []);
              expect(applied.added).toBe(added);
              expect(applied.trimmed.map(({ partition }) => partition).sort()).toEqual([...refused].sort());
            }
            for (const [partition, records] of model) {
              const frames = [...records.values()].sort((a, b) =>
                compareVersions(frameVersion(a), frameVersion(b)),
              );
              expect(framesOf(opened.store, partition).map(hex)).toEqual(frames.map(hex));
              expect(opened.store.head(partition)).toBe(heads.get(partition) ?? 0);
              expect(opened.store.summary(partition)).toMatchObject({
                records: frames.length,
                bytes: frames.reduce((sum, { length }) => sum + length, 0),
                trimmedTo: trimmedTo.get(partition) ?? 0,
              });
              expectDigestsOf(opened.store, partition, frames);
            }
          },
        ),
        { numRuns: 25 },
      );
    });

    test('store: batches that are applied at the same time all count', async () => {
      await using opened = new TestStore({ engine });
      const { store } = opened;
      const batches = Array.from({ length: 10 }, (_, i) =>
        counters(i * 7 + 1, i * 7 + 12).map((counter) => frame(counter, `v${counter}`)),
      );
      const results = await Promise.all(
        batches.map((frames) => store.apply([groupOf('orders', frames)], [])),
      );
      expect(results.reduce((sum, { added }) => sum + added, 0)).toBe(9 * 7 + 12);
      expect(store.head('orders')).toBe(9 * 7 + 12);
      expectDigestsOf(store, 'orders', framesOf(store, 'orders'));
    });
  });
});
