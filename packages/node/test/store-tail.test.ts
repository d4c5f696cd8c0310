// Reading in the order of arrival: nothing is missed, across pages, restarts, indexing and entries that are written anew.
import { encodeFrame, frameVersion, type Store, type TailRange } from '@mendlog/core';
import { describe, expect, test } from 'vitest';
import { counters, frame, groupOf, version } from './records.js';
import { spoilFrame } from './spoil-frame.js';
import { hex } from './store-digests.js';
import { ENGINES, TestStore } from './test-store.js';

const WIDE = { recordsMax: 1000, bytesMax: 1_000_000 };
const seen = (records: ReturnType<Store['tail']>['records']) =>
  records.map(({ partition, frame }) => `${partition}/${frameVersion(frame).counter}`);

describe.each(ENGINES)('tail (engine=%s)', (engine) => {
  test('tail: records of all partitions come in the order of arrival, before and after a restart', async () => {
    await using opened = new TestStore({ engine });
    await opened.store.apply([groupOf('b', [frame(5), frame(6)]), groupOf('a', [frame(9)])], []);
    await opened.store.apply([groupOf('a', [frame(2)])], []);
    for (const when of ['overlay', 'index', 'restart']) {
      if (when === 'index') await opened.store.cleaned();
      if (when === 'restart') await opened.reopen();
      const page = opened.store.tail(WIDE);
      expect(seen(page.records)).toEqual(['b/5', 'b/6', 'a/9', 'a/2']);
      expect(page.atEnd).toBe(true);
      expect(opened.store.tail({ ...WIDE, after: page.cursor })).toEqual({ ...page, records: [] });
    }
  });

  test('tail: an empty store is at its end, and its cursor finds what comes', async () => {
    await using opened = new TestStore({ engine });
    const { records, cursor, atEnd } = opened.store.tail(WIDE);
    expect({ records, atEnd }).toEqual({ records: [], atEnd: true });
    await opened.store.apply([groupOf('a', [frame(1)])], []);
    expect(seen(opened.store.tail({ ...WIDE, after: cursor }).records)).toEqual(['a/1']);
  });

  test.each<{ limit: string; range: TailRange; pages: number }>([
    { limit: 'recordsMax', range: { recordsMax: 7, bytesMax: 1_000_000 }, pages: 15 },
    { limit: 'bytesMax', range: { recordsMax: 1000, bytesMax: 1000 }, pages: 13 },
    { limit: 'bytesMax below one record', range: { recordsMax: 1000, bytesMax: 1 }, pages: 100 },
  ])('tail: pages follow one another without gaps and repeats ($limit)', async ({ range, pages }) => {
    await using opened = new TestStore({ engine });
    for (const batch of [0, 1, 2, 3, 4])
      await opened.store.apply(
        [
          groupOf(
            'a',
            counters(batch * 20 + 1, batch * 20 + 20).map((c) => frame(c, 'x'.repeat(100))),
          ),
        ],
        [],
      );
    const found: string[] = [];
    let page = opened.store.tail(range);
    for (let turn = 1; ; turn++) {
      found.push(...seen(page.records));
      if (page.atEnd) {
        expect(turn).toBe(pages);
        break;
      }
      // Wherever it is, a cursor outlives a restart.
      if (turn === 3) await opened.reopen();
      page = opened.store.tail({ ...range, after: page.cursor });
    }
    expect(found).toEqual(counters(1, 100).map((counter) => `a/${counter}`));
  });

  test('tail: of some partitions alone the cursor moves on over the others', async () => {
    await using opened = new TestStore({ engine });
    for (const counter of counters(1, 10))
      await opened.store.apply([groupOf('a', [frame(counter)]), groupOf('b', [frame(counter)])], []);
    const page = opened.store.tail({ recordsMax: 4, bytesMax: 1000, partitions: new Set(['b', 'none']) });
    expect(seen(page.records)).toEqual(['b/1', 'b/2', 'b/3', 'b/4']);
    const rest = opened.store.tail({ ...WIDE, partitions: new Set(['b']), after: page.cursor });
    expect(seen(rest.records)).toEqual(counters(5, 10).map((counter) => `b/${counter}`));
  });

  test('tail: what was trimmed is not among it, and what holds a key is', async () => {
    await using opened = new TestStore({ engine });
    const put = (counter: number) =>
      encodeFrame({ version: version(counter), timeMs: 1, value: Buffer.from('v'), key: 'k' });
    await opened.store.apply(
      [
        groupOf(
          'a',
          counters(1, 10).map((c) => frame(c)),
        ),
      ],
      [],
    );
    for (const counter of counters(1, 10)) await opened.store.apply([groupOf('keyed', [put(counter)])], []);
    await opened.store.trim('a', 7);
    for (const when of ['at once', 'cleaned']) {
      if (when === 'cleaned') await opened.store.cleaned();
      const found = seen(opened.store.tail(WIDE).records);
      expect(found.filter((text) => text.startsWith('a/'))).toEqual(['a/8', 'a/9', 'a/10']);
      expect(found).toContain('keyed/10');
    }
  });

  test('tail: a cursor of another store is refused', async () => {
    await using opened = new TestStore({ engine });
    const after = { storeId: 'another', arrival: 1, ordinal: 0 };
    expect(() => opened.store.tail({ ...WIDE, after })).toThrow(
      expect.objectContaining({ code: 'BAD_REQUEST' }),
    );
  });
});

test('tail: a record that the disk has changed is left out, and comes when it arrives again', async () => {
  await using opened = new TestStore();
  const frames = counters(1, 20).map((counter) => frame(counter, `the value of ${counter}`));
  await opened.store.apply([groupOf('a', frames)], []);
  await opened.reopen(() => spoilFrame(opened.dataDir, frames[4] as Uint8Array, 30));
  const page = opened.store.tail(WIDE);
  expect(page.records.map(({ frame }) => hex(frame))).toEqual(frames.filter((_, i) => i !== 4).map(hex));
  await opened.store.apply([groupOf('a', frames)], []);
  const { records } = opened.store.tail({ ...WIDE, after: page.cursor });
  expect(records.map(({ frame }) => hex(frame))).toEqual([hex(frames[4] as Uint8Array)]);
});
