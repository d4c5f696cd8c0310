// The engine on LMDB against its oracle in memory: whatever is done to both, they answer alike, with what is in the
// overlay, in the index and on its way between them, after restarts and over an index made anew.
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  allRows,
  appendKey,
  DIGEST_LAYOUT,
  decodeFrame,
  encodeFrame,
  LIMITS,
  MemoryStore,
  putKey,
  type RecordKey,
  type RecordSource,
  type Store,
  VERSION_HIGHEST,
  VERSION_LOWEST,
} from '@mendlog/core';
import { partitionKey } from '@mendlog/merkle';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { LmdbStore } from '../src/storage/lmdb-store.js';
import { groupOf, version } from './records.js';
import { framesOf, hex, UNBOUNDED } from './store-digests.js';
import { kernel, secret, TestStore } from './test-store.js';

const PARTITIONS = ['p', 'q'];
const idOf = (last: number) => Uint8Array.from({ length: 16 }, (_, i) => (i === 15 ? last : 0));
const APPEND_IDS = [1, 2, 3].map(idOf);

/** As clients make them: they rise with the versions, as a rule. */
const RISING = 'rising';
type Keyed = Pick<Parameters<typeof encodeFrame>[0], 'key' | 'tombstone' | 'append'>;

const anyKey: fc.Arbitrary<Keyed | typeof RISING> = fc.oneof(
  fc.constant({}),
  fc.constant(RISING),
  fc.record({ key: fc.constantFrom('a', 'b') }),
  fc.record({ key: fc.constantFrom('a', 'b'), tombstone: fc.constant(true as const) }),
  fc.record({ append: fc.record({ id: fc.constantFrom(...APPEND_IDS), attempt: fc.nat(2) }) }),
);

// Around the borders of blocks and segments too.
const COUNTERS = [1, 2, 3, 4, 5, 24, 25, 26, 249, 250, 251];

const risingIds = COUNTERS.flatMap((_, counter) => [1, 2].map((origin) => idOf(2 * counter + origin)));
const KEYS: RecordKey[] = [putKey('a'), putKey('b'), ...risingIds.map((id) => appendKey(id))];

const anyRecord = fc.record({
  counter: fc.integer({ min: 0, max: COUNTERS.length - 1 }),
  origin: fc.constantFrom(1, 2),
  value: fc.constantFrom('', 'a', 'b'),
  partition: fc.constantFrom(...PARTITIONS),
});
type AnyRecord = typeof anyRecord extends fc.Arbitrary<infer T> ? T : never;

const anySource: fc.Arbitrary<RecordSource> = fc.oneof(
  fc.constantFrom('write' as const, 'repair' as const),
  fc.record({ purgedTo: fc.constantFrom(...COUNTERS) }),
);

const anyBatch = fc.array(anyRecord, { minLength: 1, maxLength: 8 });
const anyStep = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ batches: fc.array(anyBatch, { minLength: 1, maxLength: 3 }), source: anySource }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      raise: fc.constantFrom('trim', 'fence', 'purge'),
      to: fc.constantFrom(...COUNTERS),
      partition: fc.constantFrom(...PARTITIONS),
    }),
  },
  { weight: 2, arbitrary: fc.constant('index' as const) },
  { weight: 1, arbitrary: fc.constant('reopen' as const) },
  { weight: 1, arbitrary: fc.constant('lose the index' as const) },
);

/** Two records of one version differ in their value, not in their key: no coordinator gives a version out twice. */
function frameOf(
  { counter, origin, value }: AnyRecord,
  keys: readonly (Keyed | typeof RISING)[],
): Uint8Array {
  const drawn = keys[(counter * 2 + origin - 1) % keys.length] ?? {};
  const keyed: Keyed = drawn === RISING ? { append: { id: idOf(2 * counter + origin), attempt: 0 } } : drawn;
  const bytes = keyed.tombstone === true ? new Uint8Array(0) : Buffer.from(value);
  const timeMs = (counter % 4) * 1000 + (keyed.tombstone === true ? value.length : 0);
  return encodeFrame({ version: version(COUNTERS[counter] ?? 1, origin), timeMs, value: bytes, ...keyed });
}

function groupsOf(batch: readonly AnyRecord[], keys: readonly (Keyed | typeof RISING)[], apart: boolean) {
  if (apart) return batch.map((record) => groupOf(record.partition, [frameOf(record, keys)]));
  return PARTITIONS.map((name) =>
    groupOf(
      name,
      batch.filter(({ partition }) => partition === name).map((record) => frameOf(record, keys)),
    ),
  ).filter(({ ends }) => ends.length > 0);
}

/** Everything that the port tells, but how far a trim has come. */
function told(store: Store) {
  return PARTITIONS.map((partition) => {
    const { cleanedTo: _, root, ...summary } = store.summary(partition) ?? {};
    const everything = { from: VERSION_LOWEST, to: VERSION_HIGHEST, limit: 5 };
    const part = { from: version(3, 2), to: version(250, 1), limit: LIMITS.batchRecordsMax };
    const pages = [everything, part].flatMap((range) =>
      [false, true].map((descending) => {
        const { frames, truncated } = store.readRange(partition, { ...range, descending }, 120);
        return [...frames.map(hex), truncated];
      }),
    );
    const { entries, ...listing } = store.list(partition, part);
    return {
      partition,
      summary: root === undefined ? undefined : { ...summary, root: hex(root) },
      head: store.head(partition),
      pages,
      listing: { ...listing, entries: hex(entries) },
      keys: KEYS.map((key) => store.readKeys(partition, [key], UNBOUNDED).map(hex)),
      allKeys: store.readKeys(partition, KEYS, 100).map(hex),
      counters: COUNTERS.map((counter) => store.read(partition, { counter }).map(hex)),
      rows: Array.from({ length: DIGEST_LAYOUT.levels }, (_, level) =>
        hex(store.rows(partition, level, [allRows(level)])),
      ),
    };
  });
}

/** All that is held, in the order of arrival, read in pages of a few records. */
function arrived(store: Store): string[] {
  const held = new Set(
    PARTITIONS.flatMap((partition) =>
      framesOf(store, partition).map((bytes) => `${partition} ${hex(bytes)}`),
    ),
  );
  const found: string[] = [];
  let page = store.tail({ recordsMax: 3, bytesMax: 100 });
  for (;;) {
    found.push(...page.records.map(({ partition, frame }) => `${partition} ${hex(frame)}`));
    if (page.atEnd) return found.filter((record) => held.has(record));
    page = store.tail({ after: page.cursor, recordsMax: 3, bytesMax: 100 });
  }
}

/** Ranges of a time leave out no record of it that is held. */
function expectTimesFound(store: Store): void {
  for (const partition of PARTITIONS) {
    const held = framesOf(store, partition).map(decodeFrame);
    for (const fromMs of [0, 1000, 2000, 3000]) {
      const time = { fromMs, toMs: fromMs + 10 };
      const { ranges } = store.timeRanges(partition, time, { from: 0, limit: 100 });
      for (const { version, timeMs } of held) {
        if (timeMs < time.fromMs || timeMs > time.toMs) continue;
        const isFound = ranges.some(({ from, to }) => version.counter >= from && version.counter <= to);
        expect({ partition, version, timeMs, isFound }).toMatchObject({ isFound: true });
      }
    }
  }
}

const numRuns = Number(process.env.MENDLOG_MODEL_RUNS ?? 60);

test(`store: the engine on LMDB and the one in memory answer alike (SPEC I5, I7; runs=${numRuns})`, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyStep, { minLength: 1, maxLength: 10 }),
      fc.oneof(
        fc.constant([RISING] as const),
        fc.array(anyKey, { minLength: 1, maxLength: 2 * COUNTERS.length }),
      ),
      fc.boolean(),
      async (steps, keys, apart) => {
        await using opened = new TestStore();
        const oracle = new MemoryStore({
          storeId: 'oracle',
          kernel,
          tagKeyOf: (partition) => partitionKey(kernel, secret, partition),
        });
        for (const step of steps) {
          if (step === 'index') await opened.store.cleaned();
          else if (step === 'reopen') await opened.reopen();
          else if (step === 'lose the index') {
            await opened.reopen(() => {
              const index = join(opened.dataDir, 'index');
              for (const name of readdirSync(index)) rmSync(join(index, name), { recursive: true });
            });
            // What was trimmed or purged may be in the log still, and comes into the index to be removed again.
            await opened.store.cleaned();
          } else if ('raise' in step) {
            const { raise, partition, to } = step;
            const { purgedTo = 0 } = oracle.summary(partition) ?? {};
            for (const store of [oracle, opened.store]) {
              if (raise === 'fence') await store.fence(partition, to, purgedTo);
              else await store[raise](partition, to);
            }
            await opened.store.cleaned();
          } else {
            const batches = step.batches.map((batch) => groupsOf(batch, keys, apart));
            const expected = [];
            const { source } = step;
            for (const groups of batches) expected.push(await oracle.apply(groups, [], source));
            const results = await Promise.all(
              batches.map((groups) => opened.store.apply(groups, [], source)),
            );
            expect(results).toEqual(expected);
          }
          expect(told(opened.store)).toEqual(told(oracle));
          expect(arrived(opened.store)).toEqual(arrived(oracle));
          expectTimesFound(opened.store);
        }
        const { findings } = await (opened.store as LmdbStore).verify();
        expect(findings).toEqual([]);
      },
    ),
    { numRuns },
  );
});
