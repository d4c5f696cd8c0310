// Where a reader of one partition stands: it waits without a read, and misses nothing.
import { MemoryStore, packItems } from '@mendlog/core';
import { expect, test } from 'vitest';
import { ArrivalWatch } from '../src/tail/arrival-watch.js';
import { frame } from './records.js';
import { kernel, tagKeyOf } from './test-store.js';

const LIMITS = { recordsMax: 2, bytesMax: 1_000_000 };

/** Counts how often it is read. */
class CountingStore extends MemoryStore {
  reads = 0;

  override tail(range: Parameters<MemoryStore['tail']>[0]) {
    this.reads++;
    return super.tail(range);
  }
}

const newStore = () => new CountingStore({ storeId: 'a store', kernel, tagKeyOf });
const bring = (store: MemoryStore, partition: string, ...counters: number[]) =>
  store.apply(
    [
      packItems(
        partition,
        counters.map((counter) => frame(counter)),
      ),
    ],
    [],
  );

test('arrival watch: commits of other partitions are passed over without a read (commits=100)', async () => {
  const store = newStore();
  await bring(store, 'mine', 1);
  using watch = new ArrivalWatch(store, 'mine', undefined);
  expect(watch.next(LIMITS).records).toHaveLength(1);
  const waiting = watch.arrival(undefined);
  for (let counter = 1; counter <= 100; counter++) await bring(store, 'other', counter);
  expect(store.reads).toBe(1);
  await bring(store, 'mine', 2);
  await waiting;
  const { records, cursor, atEnd } = watch.next(LIMITS);
  expect({ arrivals: records.map(({ arrival }) => arrival), cursor, atEnd }).toEqual({
    arrivals: [102],
    cursor: { storeId: 'a store', arrival: 102, ordinal: 0 },
    atEnd: true,
  });
});

test('arrival watch: what came while a page was in use follows it, then what others brought is passed over', async () => {
  const store = newStore();
  await bring(store, 'mine', 1, 2, 3);
  using watch = new ArrivalWatch(store, 'mine', undefined);
  expect(watch.next(LIMITS)).toMatchObject({ atEnd: false });
  await bring(store, 'mine', 4);
  await bring(store, 'other', 1);
  const found: number[] = [];
  for (let page = watch.next(LIMITS); ; page = watch.next(LIMITS)) {
    found.push(...page.records.map(({ arrival }) => arrival));
    if (page.atEnd) break;
    await watch.arrival(undefined);
  }
  expect(found).toEqual([3, 4]);
});

test('arrival watch: a wait ends with its signal, and when it is disposed of', async () => {
  const store = newStore();
  const watch = new ArrivalWatch(store, 'mine', undefined);
  watch.next(LIMITS);
  const controller = new AbortController();
  const waiting = watch.arrival(controller.signal);
  controller.abort();
  await waiting;
  await watch.arrival(controller.signal);
  const last = watch.arrival(undefined);
  watch[Symbol.dispose]();
  await last;
});
