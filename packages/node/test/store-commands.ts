// What the model test does to a store on LMDB and to its oracle in memory, command by command, and draws at random.
//
// A crash takes the store's files as they are while the work is under way, and goes on from there. The oracle goes back
// to where that work had come: whatever was acknowledged is done, of the rest a beginning, each batch whole or not at all.
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import {
  appendKey,
  encodeFrame,
  type PackedGroup,
  putKey,
  type RecordKey,
  type RecordSource,
  type Store,
} from '@mendlog/core';
import fc from 'fast-check';
import { expect } from 'vitest';
import { groupOf, version } from './records.js';
import type { Deed, Oracle } from './store-oracle.js';
import type { TestStore } from './test-store.js';
import { type Asked, arrivedIn, expectTimesFound, toldBy } from './told-by-store.js';

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
const ASKED: Asked = { partitions: PARTITIONS, counters: COUNTERS, keys: KEYS };

const anyRecord = fc.record({
  counter: fc.integer({ min: 0, max: COUNTERS.length - 1 }),
  origin: fc.constantFrom(1, 2),
  value: fc.constantFrom('', 'a', 'b'),
  partition: fc.constantFrom(...PARTITIONS),
});
type AnyRecord = typeof anyRecord extends fc.Arbitrary<infer T> ? T : never;

/** What all records of a story share. */
export const anyManner = fc.record({
  /** Two records of one version differ in their value, not in their key: no coordinator gives a version out twice. */
  keys: fc.oneof(
    fc.constant([RISING] as const),
    fc.array(anyKey, { minLength: 1, maxLength: 2 * COUNTERS.length }),
  ),
  /** Each record is a group of its own. */
  isApart: fc.boolean(),
});
type Manner = typeof anyManner extends fc.Arbitrary<infer T> ? T : never;

function frameOf({ counter, origin, value }: AnyRecord, { keys }: Manner): Uint8Array {
  const drawn = keys[(counter * 2 + origin - 1) % keys.length] ?? {};
  const keyed: Keyed = drawn === RISING ? { append: { id: idOf(2 * counter + origin), attempt: 0 } } : drawn;
  const bytes = keyed.tombstone === true ? new Uint8Array(0) : Buffer.from(value);
  const timeMs = (counter % 4) * 1000 + (keyed.tombstone === true ? value.length : 0);
  return encodeFrame({ version: version(COUNTERS[counter] ?? 1, origin), timeMs, value: bytes, ...keyed });
}

function groupsOf(batch: readonly AnyRecord[], manner: Manner): PackedGroup[] {
  if (manner.isApart) return batch.map((record) => groupOf(record.partition, [frameOf(record, manner)]));
  return PARTITIONS.map((name) =>
    groupOf(
      name,
      batch.filter(({ partition }) => partition === name).map((record) => frameOf(record, manner)),
    ),
  ).filter(({ ends }) => ends.length > 0);
}

/** Within so many a batch is flushed, as a rule. */
const TURNS_MAX = 60;

/** The engine on LMDB. */
export interface Real {
  readonly opened: TestStore;
  readonly manner: Manner;
}

/** Something to be done to both, alone or with a crash before its end. */
interface Work {
  readonly name: string;
  /** In this order, all at once. */
  deeds(oracle: Store, manner: Manner): readonly Deed[];
  /** What was removed by it may be there still when it has ended. */
  readonly leavesWork: boolean;
}

function batchesOf(batches: readonly (readonly AnyRecord[])[], source: RecordSource): Work {
  return {
    name: `apply ${fc.stringify({ batches, source })}`,
    deeds: (_, manner) => batches.map((batch) => (store) => store.apply(groupsOf(batch, manner), [], source)),
    leavesWork: false,
  };
}

function raiseOf(what: 'trim' | 'fence' | 'purge', partition: string, to: number): Work {
  return {
    name: `${what} ${partition} to ${to}`,
    deeds(oracle) {
      const { purgedTo = 0 } = oracle.summary(partition) ?? {};
      return [
        (store) => (what === 'fence' ? store.fence(partition, to, purgedTo) : store[what](partition, to)),
      ];
    },
    leavesWork: true,
  };
}

type StoreCommand = fc.AsyncCommand<Oracle, Real>;

/** After a command both tell the same. */
function command(name: string, perform: (oracle: Oracle, real: Real) => Promise<void>): StoreCommand {
  return {
    check: () => true,
    async run(oracle, real) {
      await perform(oracle, real);
      const { store } = real.opened;
      expect(toldBy(store, ASKED)).toEqual(toldBy(oracle.store, ASKED));
      expect(arrivedIn(store, ASKED)).toEqual(arrivedIn(oracle.store, ASKED));
      expectTimesFound(store, ASKED);
    },
    toString: () => name,
  };
}

const toIndex = command('index', (_, { opened }) => opened.store.cleaned());

const toReopen = command('reopen', (_, { opened }) => opened.reopen());

const toLoseIndex = command('lose the index', async (_, { opened }) => {
  await opened.reopen(() => {
    const index = join(opened.dataDir, 'index');
    for (const name of readdirSync(index)) rmSync(join(index, name), { recursive: true });
  });
  // What was trimmed or purged may be in the log still, and comes into the index to be removed again.
  await opened.store.cleaned();
});

function toDo(work: Work): StoreCommand {
  return command(work.name, async (oracle, { opened, manner }) => {
    const deeds = work.deeds(oracle.store, manner);
    const expected = [];
    for (const deed of deeds) expected.push(await oracle.perform(deed));
    expect(await Promise.all(deeds.map((deed) => deed(opened.store)))).toEqual(expected);
    if (work.leavesWork) await opened.store.cleaned();
  });
}

/** The process dies after so many turns of its event loop; the index may follow meanwhile. */
function toCrash(work: Work, isIndexing: boolean, turns: number): StoreCommand {
  const name = `crash ${turns} turns after${isIndexing ? ' indexing and' : ''} ${work.name}`;
  return command(name, async (oracle, { opened, manner }) => {
    const deeds = work.deeds(oracle.store, manner);
    const acknowledged = new Set<Deed>();
    const underWay = Promise.allSettled([
      ...deeds.map((deed) => deed(opened.store).then(() => acknowledged.add(deed))),
      isIndexing ? opened.store.cleaned() : undefined,
    ]);
    for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
    const sure = new Set(acknowledged);
    await opened.crash();
    await underWay;
    if (work.leavesWork) await opened.store.cleaned();
    const told = toldBy(opened.store, ASKED);
    const possible = [];
    for (let done = deeds.length; done >= 0; done--) {
      const survivor = await oracle.with(deeds.filter((deed, i) => i < done || sure.has(deed)));
      const toldThen = toldBy(survivor.store, ASKED);
      if (isDeepStrictEqual(told, toldThen)) return oracle.become(survivor);
      possible.push(toldThen);
    }
    expect(possible).toContainEqual(told);
  });
}

const anySource: fc.Arbitrary<RecordSource> = fc.oneof(
  fc.constantFrom('write' as const, 'repair' as const),
  fc.record({ purgedTo: fc.constantFrom(...COUNTERS) }),
);
const anyBatch = fc.array(anyRecord, { minLength: 1, maxLength: 8 });
const anyBatches = fc
  .tuple(fc.array(anyBatch, { minLength: 1, maxLength: 3 }), anySource)
  .map((drawn) => batchesOf(...drawn));
const anyRaise = fc
  .tuple(
    fc.constantFrom('trim', 'fence', 'purge'),
    fc.constantFrom(...PARTITIONS),
    fc.constantFrom(...COUNTERS),
  )
  .map((drawn) => raiseOf(...drawn));
const anyCrash = fc
  .tuple(
    fc.oneof({ weight: 2, arbitrary: anyBatches }, { weight: 1, arbitrary: anyRaise }),
    fc.boolean(),
    fc.nat(TURNS_MAX),
  )
  .map((drawn) => toCrash(...drawn));

export const anyCommands = fc.commands<Oracle, Real, false>(
  [
    fc.oneof(
      { weight: 8, arbitrary: anyBatches.map(toDo) },
      { weight: 4, arbitrary: anyRaise.map(toDo) },
      { weight: 2, arbitrary: fc.constant(toIndex) },
      { weight: 3, arbitrary: anyCrash },
      { weight: 1, arbitrary: fc.constant(toReopen) },
      { weight: 1, arbitrary: fc.constant(toLoseIndex) },
    ),
  ],
  { maxCommands: 10 },
);
