// What lies behind the store: entries of the log, an index that can be made anew, room that is given back.
import { cpSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LIMITS, LISTING_ENTRY_BYTES, MendlogError, packItems } from '@mendlog/core';
import { partitionKey } from '@mendlog/merkle';
import { open } from 'lmdb';
import { describe, expect, test, vi } from 'vitest';
import { ArrivalLog } from '../src/storage/arrival-log.js';
import { EntryWriter, LogEntry, planEntries } from '../src/storage/log-entry.js';
import { counters, frame, frameOf, groupOf } from './records.js';
import { spoilFrame } from './spoil-frame.js';
import { EVERYTHING, expectDigestsOf, framesOf, hex, tagOfFrame } from './store-digests.js';
import { kernel, secret, TestStore } from './test-store.js';

const writer = new EntryWriter(kernel, 'a store');

/** Groups of records whose values have these lengths. */
function groupsOf(...lengths: number[][]) {
  return lengths.map((ofGroup, partitionId) => {
    const group = packItems(
      `p${partitionId}`,
      ofGroup.map((length, i) => frame(i + 1, 'v'.repeat(length))),
    );
    return { state: { id: partitionId, tagKey: partitionKey(kernel, secret, group.partition) }, group };
  });
}

describe('log entry', () => {
  test('log entry: what is written is read, group by group', () => {
    const groups = groupsOf([0, 1, 300], [5000], [1, 2]);
    const [parts = [], ...more] = planEntries(groups);
    expect(more).toEqual([]);
    const entry = new LogEntry(writer.write(parts).bytes);
    expect(entry.isWhole(writer)).toBe(true);
    expect([...entry.groups()]).toEqual([
      { partitionId: 0, from: 0, to: 3 },
      { partitionId: 1, from: 3, to: 4 },
      { partitionId: 2, from: 4, to: 6 },
    ]);
    expect(hex(entry.frame(3))).toBe(hex(frame(1, 'v'.repeat(5000))));
    expect(hex(entry.tag(5))).toBe(hex(tagOfFrame('p2', frame(2, 'vv'))));
    expect([0, 5, 6].map((ordinal) => entry.placeOf(ordinal))).toEqual([0, 5, undefined]);
  });

  test.each([
    ['many of one partition', [Array.from({ length: 500 }, () => 256)]],
    ['one of each of many', Array.from({ length: 300 }, () => [256])],
    ['tiny ones', [Array.from({ length: 4096 }, () => 0)]],
    ['one above the target among small ones', [[10, 100_000, 10]]],
  ])('log entry: batches are cut into entries of four pages, each record once (%s)', (_, lengths) => {
    const groups = groupsOf(...lengths);
    const entries = planEntries(groups).map((parts) => writer.write(parts));
    const frames = entries.flatMap((entry) => {
      const { bytes } = entry;
      expect(bytes.length <= 4 * 4096 - 16 || entry.records === 1).toBe(true);
      return Array.from({ length: entry.records }, (_, place) => hex(entry.frame(place)));
    });
    expect(frames).toEqual(
      groups.flatMap(({ group }) =>
        Array.from(group.ends, (end, i) => hex(group.bytes.subarray(i === 0 ? 0 : group.ends[i - 1], end))),
      ),
    );
  });

  test('log entry: one that is written anew keeps the ordinals of those left', () => {
    const [parts = []] = planEntries(groupsOf([3, 4, 5, 6], [7]));
    const first = writer.write(parts);
    // The frame of the second is changed by the disk: it goes on with the tag of what it was.
    first.frame(1).set([0], 27);
    const entry = writer.rewrite(first, [
      { partitionId: 0, places: [1, 3] },
      { partitionId: 1, places: [4] },
    ]);
    expect(entry.isWhole(writer)).toBe(true);
    expect([0, 1, 2].map((place) => entry.ordinal(place))).toEqual([1, 3, 4]);
    expect([0, 1, 2, 3, 4].map((ordinal) => entry.placeOf(ordinal))).toEqual([undefined, 0, undefined, 1, 2]);
    for (const [place, ordinal] of [1, 3, 4].entries()) {
      expect(hex(entry.frame(place))).toBe(hex(first.frame(ordinal)));
      expect(hex(entry.tag(place))).toBe(hex(first.tag(ordinal)));
      expect(entry.version(place)).toEqual(first.version(ordinal));
    }
  });

  test('log entry: every change of a byte before the frames, every cut and every tail shows', () => {
    const [parts = []] = planEntries(groupsOf([3, 4], [5]));
    const { bytes } = writer.write(parts);
    const frameBytes = parts.reduce((sum, { of }) => sum + of.group.bytes.length, 0);
    const isSound = (changed: Uint8Array) => {
      try {
        const entry = new LogEntry(changed);
        return [...entry.groups()].length > 0 && entry.isWhole(writer);
      } catch (thrown) {
        expect(thrown).toMatchObject({ code: 'MALFORMED' });
        return false;
      }
    };
    expect(isSound(bytes)).toBe(true);
    for (let at = 0; at < bytes.length - frameBytes; at++) {
      const changed = bytes.slice();
      changed[at] = (changed[at] as number) ^ 1;
      expect({ at, sound: isSound(changed) }).toEqual({ at, sound: false });
    }
    for (let length = 0; length < bytes.length; length++)
      expect(isSound(bytes.subarray(0, length))).toBe(false);
    expect(isSound(Buffer.concat([bytes, Buffer.from([0])]))).toBe(false);
    expect(new LogEntry(bytes).isWhole(new EntryWriter(kernel, 'another store'))).toBe(false);
  });
});

describe('index', () => {
  test.each([
    ['missing', (path: string) => rmSync(path, { recursive: true })],
    [
      'of another log',
      (path: string, other: string) => {
        rmSync(path, { recursive: true });
        cpSync(other, path, { recursive: true });
      },
    ],
    [
      'no database',
      (path: string) => writeFileSync(join(path, readdirSync(path)[0] ?? '', 'data.mdb'), 'x'.repeat(9000)),
    ],
  ])('index: one that is %s is made anew from the log', async (_, spoil) => {
    await using opened = new TestStore();
    await using other = new TestStore();
    await other.store.apply([groupOf('others', [frame(1)]), groupOf('orders', [frame(9)])], []);
    const frames = counters(1, 600).map((counter) => frame(counter, `v${counter}`));
    for (let from = 0; from < frames.length; from += 50) {
      await opened.store.apply(
        [groupOf('orders', frames.slice(from, from + 50)), groupOf(`p${from}`, [frame(1)])],
        [],
      );
    }
    await opened.store.trim('orders', 100);
    await opened.store.cleaned();
    const partitions = () =>
      new Map(opened.store.partitions().map((summary) => [summary.partition, summary]));
    const before = partitions();
    await opened.store.close();
    await other.store.close();
    spoil(join(opened.dataDir, 'index'), join(other.dataDir, 'index'));
    await opened.reopen();
    await opened.store.cleaned();
    expect(partitions()).toEqual(before);
    expect(framesOf(opened.store, 'orders').map(hex)).toEqual(frames.slice(100).map(hex));
    expectDigestsOf(opened.store, 'orders', frames.slice(100));
  });
});

test.each([1, 4])(
  'index: digest rows take at most a hundredth of the values (records=4096, bytes=256, partitions=%d)',
  async (partitions) => {
    await using opened = new TestStore();
    const frames = counters(1, 4096).map((counter) => frame(counter, 'v'.repeat(256)));
    for (let p = 0; p < partitions; p++)
      for (let from = 0; from < frames.length; from += 1024)
        await opened.store.apply([groupOf(`p${p}`, frames.slice(from, from + 1024))], []);
    await opened.store.cleaned();
    await opened.store.close();
    const index = join(opened.dataDir, 'index');
    const env = open({ path: join(index, readdirSync(index)[0] ?? ''), readOnly: true });
    const rows = env.openDB<Buffer, Buffer>({ name: 'rows', encoding: 'binary', keyEncoding: 'binary' });
    const stats: Record<string, unknown> = { ...rows.getStats() };
    await env.close();
    // Whole pages: a small table fills less than one.
    const pages = Number(stats.treeBranchPageCount) + Number(stats.treeLeafPageCount);
    const rowBytes = pages * Number(stats.pageSize);
    expect(rowBytes).toBeGreaterThan(0);
    expect(rowBytes / (partitions * frames.length * 256)).toBeLessThan(0.01);
  },
);

describe('store: a record that the disk has changed', () => {
  test.each([
    ['its value', 30, 'kept'],
    ['its format', 0, 'kept'],
    ['its counter', 9, 'kept'],
    ['its value', 30, 'made anew'],
    ['its format', 0, 'made anew'],
    ['its counter', 9, 'made anew'],
  ])(
    'store: changed in %s: it is listed and never given out, others are, and it is taken again (byte=%i, index=%s)',
    async (_, offset, index) => {
      await using opened = new TestStore();
      const frames = counters(1001, 1030).map((counter) => frame(counter, `the value of ${counter}.`));
      for (const bytes of frames) await opened.store.apply([groupOf('orders', [bytes])], []);
      await opened.store.cleaned();
      await opened.store.close();
      spoilFrame(opened.dataDir, frames[16] as Uint8Array, offset);
      if (index === 'made anew') rmSync(join(opened.dataDir, 'index'), { recursive: true });
      await opened.reopen();
      const sound = frames.filter((_, i) => i !== 16).map(hex);
      expect(framesOf(opened.store, 'orders').map(hex)).toEqual(sound);
      expect(opened.store.read('orders', { counter: 1017 })).toEqual([]);
      expect(opened.store.head('orders')).toBe(1030);
      expect(opened.store.list('orders', EVERYTHING).entries).toHaveLength(30 * LISTING_ENTRY_BYTES);
      expectDigestsOf(opened.store, 'orders', frames);
      expect(await opened.store.apply([groupOf('orders', frames)], [])).toMatchObject({
        added: 0,
        trimmed: [],
      });
      for (const when of ['overlay', 'index', 'restart']) {
        expect(framesOf(opened.store, 'orders').map(hex)).toEqual(frames.map(hex));
        expectDigestsOf(opened.store, 'orders', frames);
        if (when === 'overlay') await opened.store.cleaned();
        else if (when === 'index') await opened.reopen();
      }
      expect(opened.store.summary('orders')).toMatchObject({ records: 30 });
    },
  );

  test('store: another record of its version takes its place only with a higher tag', async () => {
    await using opened = new TestStore();
    const [low = frame(1), high = frame(1)] = [
      frame(1, 'one of two values'),
      frame(1, 'the other of two values'),
    ].sort((a, b) => Buffer.compare(tagOfFrame('orders', a), tagOfFrame('orders', b)));
    await opened.store.apply([groupOf('orders', [high])], []);
    await opened.store.cleaned();
    await opened.store.close();
    spoilFrame(opened.dataDir, high, 30);
    await opened.reopen();
    expect(framesOf(opened.store, 'orders')).toEqual([]);
    expect(await opened.store.apply([groupOf('orders', [low])], [])).toMatchObject({ added: 0, trimmed: [] });
    expectDigestsOf(opened.store, 'orders', [high]);
    await opened.store.apply([groupOf('orders', [high])], []);
    expect(framesOf(opened.store, 'orders').map(hex)).toEqual([hex(high)]);
  });

  test('store: an entry in which it lies is written anew with it', async () => {
    await using opened = new TestStore();
    const lasting = frame(1, 'a short value that stays');
    await opened.store.apply(
      [groupOf('lasting', [lasting]), groupOf('passing', [frame(1, 'v'.repeat(5000))])],
      [],
    );
    await opened.store.cleaned();
    await opened.store.close();
    spoilFrame(opened.dataDir, lasting, 0);
    await opened.reopen();
    await opened.store.trim('passing', 1);
    await opened.store.cleaned();
    await opened.store.close();
    rmSync(join(opened.dataDir, 'index'), { recursive: true });
    await opened.reopen();
    expect(opened.store.list('lasting', EVERYTHING).entries).toHaveLength(LISTING_ENTRY_BYTES);
    expectDigestsOf(opened.store, 'lasting', [lasting]);
  });
});

/** A promise that the test ends. */
function deferred<Value>(): { promise: Promise<Value>; resolve: (value: Value) => void } {
  let resolve: (value: Value) => void = () => undefined;
  const promise = new Promise<Value>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

describe('store: a commit that fails', () => {
  /** The next commits to the log: how each ends, in the order in which they are made. */
  function commitsEnd(...endings: ('fails' | 'holds' | Promise<'fails' | 'holds'>)[]) {
    const commit = ArrivalLog.prototype.commit;
    const spy = vi.spyOn(ArrivalLog.prototype, 'commit');
    for (const ending of endings) {
      spy.mockImplementationOnce(async function (this: ArrivalLog, write) {
        if ((await ending) === 'fails')
          throw new MendlogError('DISK_FULL', 'the disk is full, says the test');
        await commit.call(this, write);
      });
    }
    return { [Symbol.dispose]: () => spy.mockRestore() };
  }

  test('store: a record that was on its way with it is not acknowledged when it comes again', async () => {
    await using opened = new TestStore();
    const { store } = opened;
    await store.apply([groupOf('orders', [frame(1)])], []);
    const late = deferred<'fails'>();
    using _ = commitsEnd(late.promise, 'holds');
    const record = groupOf('orders', [frame(2, 'x')]);
    const outcomes = Promise.allSettled([
      store.apply([record], []),
      store.apply([groupOf('orders', [frame(3)])], []),
      store.apply([record], []),
    ]);
    late.resolve('fails');
    expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'rejected']);
    const left = [frame(1), frame(3)];
    expect(framesOf(store, 'orders').map(hex)).toEqual(left.map(hex));
    expectDigestsOf(store, 'orders', left);
    // It failed once, and no more: nothing of it sticks.
    expect(await store.apply([groupOf('orders', [frame(1)])], [])).toMatchObject({ added: 0, trimmed: [] });
    expect(await store.apply([record], [])).toMatchObject({ added: 1, trimmed: [] });
    await opened.reopen();
    expectDigestsOf(opened.store, 'orders', [frame(1), frame(2, 'x'), frame(3)]);
  });

  test('store: a batch whose own records are stored does not say that nothing was', async () => {
    await using opened = new TestStore();
    const { store } = opened;
    const late = deferred<'fails'>();
    using _ = commitsEnd(late.promise, 'holds');
    // One record of the second batch gives way to the newer one, which then gets lost.
    const older = frameOf(4, 'older', { key: 'k' });
    const outcomes = Promise.allSettled([
      store.apply([groupOf('orders', [frameOf(9, 'newer', { key: 'k' })])], []),
      store.apply([groupOf('orders', [older, frame(5)])], []),
      store.apply([groupOf('orders', [older])], []),
    ]);
    late.resolve('fails');
    expect(await outcomes).toMatchObject(
      ['DISK_FULL', 'INTERNAL', 'DISK_FULL'].map((code) => ({ status: 'rejected', reason: { code } })),
    );
    expect(framesOf(store, 'orders').map(hex)).toEqual([hex(frame(5))]);
  });

  test.each(['fails', 'holds'] as const)(
    'store: another record of a version that is on its way hides nothing until its flush (the commit %s)',
    async (ending) => {
      await using opened = new TestStore();
      const { store } = opened;
      const [low = frame(1), high = frame(1)] = [frame(1, 'one'), frame(1, 'other')].sort((a, b) =>
        Buffer.compare(tagOfFrame('orders', a), tagOfFrame('orders', b)),
      );
      await store.apply([groupOf('orders', [low])], []);
      const end = deferred<typeof ending>();
      using _ = commitsEnd(end.promise);
      const outcome = Promise.allSettled([store.apply([groupOf('orders', [high])], [])]);
      await new Promise(setImmediate);
      expect(framesOf(store, 'orders').map(hex)).toEqual([hex(low)]);
      expectDigestsOf(store, 'orders', [low]);
      end.resolve(ending);
      await outcome;
      const stays = ending === 'fails' ? low : high;
      for (const when of ['overlay', 'index', 'restart']) {
        expect(framesOf(opened.store, 'orders').map(hex)).toEqual([hex(stays)]);
        expectDigestsOf(opened.store, 'orders', [stays]);
        expect(opened.store.summary('orders')).toMatchObject({ records: 1, bytes: stays.length });
        if (when === 'overlay') await opened.store.cleaned();
        else if (when === 'index') await opened.reopen();
      }
    },
  );

  test('store: a trim that failed is made again', async () => {
    await using opened = new TestStore();
    const { store } = opened;
    await store.apply(
      [
        groupOf(
          'orders',
          counters(1, 10).map((counter) => frame(counter)),
        ),
      ],
      [],
    );
    {
      using _ = commitsEnd('fails');
      await expect(store.trim('orders', 5)).rejects.toMatchObject({ code: 'DISK_FULL' });
    }
    expect(framesOf(store, 'orders')).toHaveLength(10);
    // Nothing of it is left: what lies below it is taken, and a smaller trim brings none of it into force.
    expect(await store.apply([groupOf('orders', [frame(4)])], [])).toMatchObject({ added: 0, trimmed: [] });
    await store.trim('orders', 1);
    await opened.reopen();
    expect(opened.store.summary('orders')).toMatchObject({ trimmedTo: 1, records: 9 });
    await opened.store.trim('orders', 5);
    expect(framesOf(opened.store, 'orders')).toHaveLength(5);
    await opened.reopen();
    expect(opened.store.summary('orders')).toMatchObject({ trimmedTo: 5 });
  });

  test('store: a trim that failed, and was written with records all the same, is in force with the next', async () => {
    await using opened = new TestStore();
    const { store } = opened;
    const late = deferred<'fails'>();
    {
      using _ = commitsEnd(late.promise, 'holds', 'fails');
      const trim = expect(store.trim('orders', 5)).rejects.toMatchObject({ code: 'DISK_FULL' });
      await new Promise(setImmediate);
      // The first records of a partition are written with it.
      await store.apply([groupOf('orders', [frame(6)])], []);
      late.resolve('fails');
      await trim;
      await expect(store.trim('orders', 6)).rejects.toMatchObject({ code: 'DISK_FULL' });
    }
    await store.trim('orders', 1);
    const { trimmedTo, head } = store.summary('orders') ?? {};
    expect({ trimmedTo, head }).toEqual({ trimmedTo: 5, head: 6 });
    await opened.reopen();
    expect(opened.store.summary('orders')).toMatchObject({ trimmedTo: 5, head: 6, records: 1 });
  });
});

describe('overlay', () => {
  test('overlay: where it is full writes wait for the index, and none is lost (limit=1 byte)', async () => {
    await using opened = new TestStore({ overlayBytesMax: 1 });
    const all = counters(1, 40).map((i) =>
      counters(25 * i - 24, 25 * i).map((counter) => frame(counter, `v${counter}`)),
    );
    await Promise.all(all.map((frames) => opened.store.apply([groupOf('orders', frames)], [])));
    expect(framesOf(opened.store, 'orders').map(hex)).toEqual(all.flat().map(hex));
    expectDigestsOf(opened.store, 'orders', all.flat());
  });
});

describe('store: room', () => {
  const VALUE = 'v'.repeat(1000);
  const KEPT = 2000;
  const PARTITIONS = ['a', 'b', 'c', 'd'];

  test('store: ten times the records that are kept leave a log of a few times their size (partitions=4)', async () => {
    await using opened = new TestStore();
    const { store, dataDir } = opened;
    const per = KEPT / PARTITIONS.length;
    for (let step = 1; step <= 20; step++) {
      const frames = counters(1 + ((step - 1) * per) / 2, (step * per) / 2).map((counter) =>
        frame(counter, VALUE),
      );
      for (let from = 0; from < frames.length; from += 10) {
        await store.apply(
          PARTITIONS.map((name) => groupOf(name, frames.slice(from, from + 10))),
          [],
        );
      }
      for (const name of PARTITIONS) await store.trim(name, Math.max(0, (step * per) / 2 - per));
      await store.cleaned();
    }
    const kept = PARTITIONS.reduce((sum, name) => sum + framesOf(store, name).length, 0);
    expect(kept).toBe(KEPT);
    const keptBytes = KEPT * frame(1, VALUE).length;
    const logBytes = statSync(join(dataDir, 'log/data.mdb')).size;
    expect(logBytes / keptBytes).toBeLessThan(4);
  });

  test('store: the map grows by itself, to many times what it began with (written=64 MiB)', async () => {
    await using opened = new TestStore();
    const mapBytes = () => statSync(join(opened.dataDir, 'log/data.mdb')).size;
    const atFirst = mapBytes();
    const value = 'v'.repeat(LIMITS.valueBytesMax / 2);
    const written = counters(1, 128).map((counter) => frame(counter, value));
    for (const bytes of written) await opened.store.apply([groupOf('orders', [bytes])], []);
    expect(mapBytes()).toBeGreaterThan(16 * atFirst);
    await opened.reopen();
    for (const [i, bytes] of written.entries()) {
      const read = opened.store.read('orders', { counter: i + 1 });
      expect(read.map((found) => Buffer.compare(found, bytes))).toEqual([0]);
    }
  });

  test('store: entries of which little is live are written anew, and what is live stays (partitions=2)', async () => {
    await using opened = new TestStore();
    const lasting = counters(1, 500).map((counter) => frame(counter, `lasting ${counter}`));
    const passing = counters(1, 500).map((counter) => frame(counter, VALUE));
    for (let i = 0; i < lasting.length; i++) {
      await opened.store.apply(
        [groupOf('lasting', lasting.slice(i, i + 1)), groupOf('passing', passing.slice(i, i + 1))],
        [],
      );
    }
    await opened.store.trim('passing', 500);
    await opened.store.cleaned();
    for (const when of ['before', 'after']) {
      expect(framesOf(opened.store, 'passing')).toEqual([]);
      expect(framesOf(opened.store, 'lasting').map(hex)).toEqual(lasting.map(hex));
      expectDigestsOf(opened.store, 'lasting', lasting);
      if (when === 'before') await opened.reopen();
    }
    // The index is made anew from entries that were written anew.
    await opened.store.close();
    rmSync(join(opened.dataDir, 'index'), { recursive: true });
    await opened.reopen();
    expect(framesOf(opened.store, 'lasting').map(hex)).toEqual(lasting.map(hex));
    expect(opened.store.summary('passing')).toMatchObject({ records: 0, trimmedTo: 500 });
  });
});

test('store: a page is bounded by its records and its bytes also where the overlay holds it', async () => {
  await using opened = new TestStore();
  const { store } = opened;
  const frames = counters(1, 100).map((counter) => frame(counter, 'v'.repeat(100)));
  const flushed = store.apply([groupOf('orders', frames)], []);
  await flushed;
  const from = { counter: 1, origin: '0'.repeat(13) };
  const to = { counter: 100, origin: `f${'z'.repeat(12)}` };
  expect(store.readRange('orders', { from, to, limit: 7 }, LIMITS.messageBytesMax)).toMatchObject({
    truncated: true,
  });
  expect(store.readRange('orders', { from, to, limit: 1000 }, 300).frames).toHaveLength(3);
});
