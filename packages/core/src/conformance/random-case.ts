/**
 * The random case: batches with duplicates, conflicts and keys, trims, fences, purges and restarts, and after each step all that
 * the port tells is compared with a model. A run that fails is made smaller before it is shown.
 */
import { DIGEST_LAYOUT } from '../digest/layout.js';
import type { RecordSource } from '../ports/store.js';
import { packListingEntries } from '../protocol/listing.js';
import { appendKey, putKey } from '../record-key.js';
import { VERSION_HIGHEST, VERSION_LOWEST } from '../version.js';
import { expectEqual, expectFields, show, within } from './expect.js';
import { bytesOf, entryOf, groupOf, type Keyed, keyedFrame, tagOfFrame, version } from './made-records.js';
import { type OpenedStore, withStore } from './opened-store.js';
import { Seeded } from './seeded.js';
import { UNBOUNDED } from './store-digests.js';
import type { StoreCase, StoreEngine } from './store-engine.js';
import { PartitionModel, type Refusal } from './store-model.js';

const RUNS = 25;
const STEPS_MAX = 8;
const BATCH_MAX = 12;

interface RandomRecord {
  readonly partition: string;
  readonly counter: number;
  readonly origin: bigint;
  readonly value: string;
  readonly keyed: Keyed;
}

type Step =
  | { readonly batch: readonly RandomRecord[]; readonly together: boolean; readonly source: RecordSource }
  | { readonly raise: 'trim' | 'fence' | 'purge'; readonly of: string; readonly to: number }
  | 'reopen'
  | 'settle';

const PARTITIONS = ['p', 'q'] as const;
const ORIGINS = [1n, 2n, 2n ** 64n - 1n] as const;
const IDS = [1, 2].map((last) => new Uint8Array(16).fill(last, 15));
const KEYS = [putKey('a'), putKey('b'), ...IDS.map(appendKey), putKey('nobody')];
// Few counters and origins around the borders of segments and rows, so that batches meet often.
const BORDERS = [3, DIGEST_LAYOUT.segmentSize, DIGEST_LAYOUT.segmentSize * DIGEST_LAYOUT.fanout] as const;

const REFUSALS = ['trimmed', 'fenced', 'purged'] as const;

const RANGES = [
  { from: VERSION_LOWEST, to: VERSION_HIGHEST },
  { from: version(3, 2), to: version(DIGEST_LAYOUT.segmentSize, 1) },
];
const PAGES = [
  { limit: 1, bytesMax: UNBOUNDED },
  { limit: 5, bytesMax: 100 },
  { limit: 100, bytesMax: UNBOUNDED },
];

export function randomCase(seed: number): StoreCase {
  return {
    name: `store: records and digests are those of a model (random batches, duplicates, conflicts, keys, trims, fences, purges, restarts; runs=${RUNS}, seed=${seed})`,
    async run(engine) {
      const random = new Seeded(seed);
      for (let run = 1; run <= RUNS; run++) {
        const steps = randomSteps(random);
        const failure = await failureOf(engine, steps);
        if (failure === undefined) continue;
        const least = await smaller(engine, { steps, failure });
        throw new Error(`run ${run} of seed ${seed}, made smaller: ${show(least.steps)}: ${least.failure}`);
      }
    },
  };
}

function randomSteps(random: Seeded): Step[] {
  const keys = Array.from({ length: random.between(1, 12) }, () => randomKey(random));
  return Array.from({ length: random.between(1, STEPS_MAX) }, (): Step => {
    const kind = random.below(10);
    if (kind === 0) return 'reopen';
    if (kind === 1) return 'settle';
    if (kind <= 4) {
      const raise = random.of(['trim', 'fence', 'fence', 'purge', 'purge'] as const);
      return { raise, of: random.of(PARTITIONS), to: random.of([random.between(1, 6), ...BORDERS]) };
    }
    const length = random.between(1, BATCH_MAX);
    const batch = Array.from({ length }, () => randomRecord(random, keys));
    const source = random.of<RecordSource>([
      'write',
      'write',
      'repair',
      { purgedTo: random.of([2, ...BORDERS]) },
    ]);
    return { batch, together: random.below(2) === 0, source };
  });
}

function randomKey(random: Seeded): Keyed {
  const key = random.of(['a', 'b']);
  const id = IDS[random.below(IDS.length)] as Uint8Array;
  return random.of<Keyed>([
    {},
    {},
    { key },
    { key, tombstone: true },
    { append: { id, attempt: random.below(3) } },
  ]);
}

function randomRecord(random: Seeded, keys: readonly Keyed[]): RandomRecord {
  const border = random.of(BORDERS);
  const near = random.between(border - 2, border + 2);
  const counter = random.below(4) === 0 ? random.between(1, 2 ** 40) : near;
  const origin = random.below(ORIGINS.length);
  return {
    partition: random.of(PARTITIONS),
    counter,
    origin: ORIGINS[origin] as bigint,
    value: random.of(['', 'a', 'b', 'c']),
    // Two records of one version differ in their value, not in their key: no coordinator gives a version out twice.
    keyed: keys[(counter * ORIGINS.length + origin) % keys.length] as Keyed,
  };
}

function frameOf({ counter, origin, value, keyed }: RandomRecord): Uint8Array {
  if (keyed.tombstone === undefined) return keyedFrame(version(counter, origin), value, keyed);
  // It has no value to differ in.
  return keyedFrame(version(counter, origin), '', { ...keyed, timeMs: value.codePointAt(0) ?? 0 });
}

async function failureOf(engine: StoreEngine, steps: readonly Step[]): Promise<string | undefined> {
  try {
    await withStore(engine, (opened) => perform(opened, steps));
    return undefined;
  } catch (failure) {
    return failure instanceof Error ? failure.message : String(failure);
  }
}

/** Leaves out steps, then records of batches, one after another, as long as it fails without them. */
async function smaller(
  engine: StoreEngine,
  failed: { steps: readonly Step[]; failure: string },
): Promise<{ steps: readonly Step[]; failure: string }> {
  let least = failed;
  const isEnough = async (steps: readonly Step[]) => {
    const failure = await failureOf(engine, steps);
    if (failure !== undefined) least = { steps, failure };
    return failure !== undefined;
  };
  for (let at = failed.steps.length - 1; at >= 0; at--) await isEnough(least.steps.toSpliced(at, 1));
  for (const [at, step] of least.steps.entries()) {
    if (typeof step === 'string' || !('batch' in step)) continue;
    let { batch } = step;
    for (let item = batch.length - 1; item >= 0; item--) {
      const without = batch.toSpliced(item, 1);
      if (await isEnough(least.steps.with(at, { ...step, batch: without }))) batch = without;
    }
  }
  return least;
}

async function perform(opened: OpenedStore, steps: readonly Step[]): Promise<void> {
  const models = new Map(PARTITIONS.map((name): [string, PartitionModel] => [name, new PartitionModel()]));
  for (const [i, step] of steps.entries()) {
    await within(`step ${i + 1}`, async () => {
      if (step === 'reopen') await opened.reopen();
      else if (step === 'settle') await opened.store.cleaned();
      else if ('batch' in step) await applyBatch(opened, models, step);
      else {
        const { raise, of, to } = step;
        const model = models.get(of);
        if (raise === 'fence') await opened.store.fence(of, to, model?.purgedTo ?? 0);
        else await opened.store[raise](of, to);
        await opened.store.cleaned();
        model?.[raise](to);
      }
      for (const [partition, model] of models) expectModel(opened, partition, model);
    });
  }
}

async function applyBatch(
  { store, engine }: OpenedStore,
  models: ReadonlyMap<string, PartitionModel>,
  { batch, together, source }: Extract<Step, { readonly batch: unknown }>,
): Promise<void> {
  const brought = batch.map((record) => ({ partition: record.partition, frame: frameOf(record) }));
  const ofPartition = (name: string) => brought.filter(({ partition }) => partition === name);
  // Either a group for each partition that it brings something of, or one for each record.
  const groups = together
    ? PARTITIONS.map((name) =>
        groupOf(
          name,
          ofPartition(name).map(({ frame }) => frame),
        ),
      ).filter(({ ends }) => ends.length > 0)
    : brought.map(({ partition, frame }) => groupOf(partition, [frame]));
  let added = 0;
  const refused = new Map<Refusal, Set<string>>(REFUSALS.map((refusal) => [refusal, new Set()]));
  for (const { partition, frame } of brought) {
    const became = models.get(partition)?.take(frame, tagOfFrame(engine, partition, frame), source);
    if (became === 'added') added++;
    else if (became !== undefined && became !== 'nothing') refused.get(became)?.add(partition);
  }
  for (const model of models.values()) model.settle();
  const result = await store.apply(groups, [], source);
  expectEqual(result.added, added, 'records that a batch added');
  for (const refusal of REFUSALS) {
    const partitions = result[refusal].map(({ partition }) => partition).sort();
    expectEqual(
      partitions,
      [...(refused.get(refusal) ?? [])].sort(),
      `partitions of which some are ${refusal}`,
    );
  }
}

/** Everything that the port tells of a partition. */
function expectModel(opened: OpenedStore, partition: string, model: PartitionModel): void {
  const { store, engine } = opened;
  const { head, trimmedTo } = model;
  const frames = model.frames();
  expectEqual(store.head(partition), head, `head of ${partition}`);
  opened.expectRecords(partition, frames);
  if (head > 0) {
    const { fencedTo, purgedTo } = model;
    const summary = { records: frames.length, bytes: bytesOf(frames), head, trimmedTo, fencedTo, purgedTo };
    expectFields(store.summary(partition), summary, `summary of ${partition}`);
  }
  for (const range of RANGES.flatMap((range) =>
    [false, true].map((descending) => ({ ...range, descending })),
  )) {
    const inside = model.within(range);
    for (const { limit, bytesMax } of PAGES) {
      const what = `of ${partition} (${show({ ...range, limit, bytesMax })})`;
      const atMost = inside.slice(0, limit);
      const page = fewBytes(atMost, bytesMax);
      expectEqual(
        store.readRange(partition, { ...range, limit }, bytesMax),
        { frames: page, truncated: page.length < inside.length },
        `page ${what}`,
      );
      const entries = packListingEntries(atMost.map((frame) => entryOf(engine, partition, frame)));
      const listing = { entries, truncated: atMost.length < inside.length, trimmedTo, head };
      expectEqual(store.list(partition, { ...range, limit }), listing, `listing ${what}`);
    }
  }
  const holders = model.holders(KEYS);
  expectEqual(store.readKeys(partition, KEYS, UNBOUNDED), holders, `holders of keys of ${partition}`);
  const fewHolders = fewBytes(holders, 60);
  expectEqual(store.readKeys(partition, KEYS, 60), fewHolders, `holders of keys of ${partition}, 60 bytes`);
  for (const frame of frames) {
    const { version } = entryOf(engine, partition, frame);
    expectEqual(store.read(partition, version), [frame], `record of ${partition} by its version`);
  }
}

/** As many as are begun before so many bytes are there, and at least one. */
function fewBytes(frames: readonly Uint8Array[], bytesMax: number): Uint8Array[] {
  return frames.filter((_, i) => i === 0 || bytesOf(frames.slice(0, i)) < bytesMax);
}
