// Batches, trims, hints and checks on top of each other, with commits that fail as on a full disk: at any moment as many
// records are listed as are counted, no check accuses a sound store, and restarts and an index made anew change nothing.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { DIGEST_LAYOUT, encodeFrame, listingEntries, ROW_BYTES } from '@mendlog/core';
import { expect, test } from 'vitest';
import type { LmdbStore } from '../src/storage/lmdb-store.js';
import { fillDiskWhere } from './full-disk.js';
import { groupOf, version } from './records.js';
import { seededNumbers } from './seeded-bytes.js';
import { EVERYTHING, expectDigestsOf, framesOf, hex } from './store-digests.js';
import { TestStore } from './test-store.js';

const ROUNDS = Number(process.env.MENDLOG_RACE_ROUNDS ?? 30);
const SEED = Number(process.env.MENDLOG_RACE_SEED ?? Date.now() % 2 ** 31);
const REPLAY = `MENDLOG_RACE_SEED=${SEED} MENDLOG_RACE_ROUNDS=${ROUNDS} npx vitest run packages/node/test/store-races.test.ts`;
/** With many partitions a step of the index is made in slices, which are worked out while others are written. */
const MANNERS = [
  { partitions: 3, steps: 150, rounds: ROUNDS },
  { partitions: 80, steps: 60, rounds: Math.ceil(ROUNDS / 15) },
];
const TOP_LEVEL = DIGEST_LAYOUT.levels - 1;

const disk = { isFull: (_folder: string): boolean => false };
fillDiskWhere((folder) => disk.isFull(folder));

/** The record of a counter: no coordinator gives a version out twice, so everything is told by it. */
function recordOf(counter: number): Uint8Array {
  const draw = (counter * 2_654_435_761) % 997;
  const value = Buffer.from(`${counter} `.repeat(1 + (draw % 50)));
  const base = { version: version(counter), timeMs: counter, value };
  if (draw % 3 === 0) return encodeFrame({ ...base, key: `key ${draw % 7}` });
  if (draw % 3 === 1) {
    const id = Uint8Array.from({ length: 16 }, (_, i) => (i === 15 ? draw % 11 : 3));
    return encodeFrame({ ...base, append: { id, attempt: draw % 4 } });
  }
  return encodeFrame(base);
}

class Race {
  readonly store: LmdbStore;
  readonly #partitions: readonly string[];
  readonly #draw: (below: number) => number;
  readonly #heads = new Map<string, number>();
  #pending: Promise<unknown>[] = [];

  constructor(store: LmdbStore, partitions: readonly string[], draw: (below: number) => number) {
    this.store = store;
    this.#partitions = partitions;
    this.#draw = draw;
    disk.isFull = (folder) => draw(folder.includes('index') ? 8 : 15) === 0;
  }

  async step(): Promise<void> {
    const kind = this.#draw(12);
    if (kind < 7) this.#apply();
    else if (kind === 7) this.#begin(this.store.apply([], [this.#hint()]));
    else if (kind === 8) this.#trim();
    else if (kind === 9) for (const { findings } of this.store.checkSteps()) expect(findings).toEqual([]);
    else if (kind === 10) for (let turns = this.#draw(8); turns > 0; turns--) await Promise.resolve();
    else await new Promise((resolve) => setTimeout(resolve, this.#draw(3)));
    if (this.#draw(25) === 0) await this.settled();
  }

  async settled(): Promise<void> {
    await Promise.all(this.#pending.splice(0));
  }

  /** What is listed is what is counted, and what rows sum up to. */
  expectCounts(): void {
    for (const partition of this.#partitions) {
      const { records, trimmedTo = 0, cleanedTo, head = 0, root } = this.store.summary(partition) ?? {};
      if (trimmedTo !== cleanedTo || trimmedTo >= head) continue;
      const top = this.store.rows(partition, TOP_LEVEL, [{ from: 0, to: 0 }]);
      expect({ partition, root: hex(top.subarray(-ROW_BYTES)) }).toEqual({
        partition,
        root: root && hex(root),
      });
      const range = { ...EVERYTHING, limit: 100_000 };
      const listed = listingEntries(this.store.list(partition, range), range).length;
      expect({ partition, listed }).toEqual({ partition, listed: records });
    }
  }

  #apply(): void {
    const groups = this.#partitions
      .filter(() => this.#draw(2) === 0)
      .map((partition) =>
        groupOf(
          partition,
          Array.from({ length: 1 + this.#draw(12) }, () => this.#record(partition)),
        ),
      );
    if (groups.length > 0) this.#begin(this.store.apply(groups, []));
  }

  #record(partition: string): Uint8Array {
    const head = this.#heads.get(partition) ?? 0;
    const counter = this.#draw(3) === 0 ? 1 + this.#draw(head + 1) : head + 1 + this.#draw(3);
    this.#heads.set(partition, Math.max(head, counter));
    return recordOf(counter);
  }

  #trim(): void {
    const partition = this.#partitions[this.#draw(this.#partitions.length)] ?? '';
    const counter = Math.max(1, (this.#heads.get(partition) ?? 0) - this.#draw(30));
    this.#begin(this.store.trim(partition, counter));
  }

  #hint() {
    return { target: 'n2', createdAtMs: 1, attempts: 0, nextAttemptAtMs: 1, groups: [] };
  }

  /** Each may be refused, itself or with one that brought some of the same: the disk is full now and then. */
  #begin(call: Promise<unknown>): void {
    const code = expect.stringMatching(/^(DISK_FULL|INTERNAL)$/);
    this.#pending.push(call.catch((thrown: unknown) => expect(thrown).toMatchObject({ code })));
  }
}

test('store: a trim beside the records that it covers leaves none of them in the digests (rounds=20)', async () => {
  const hint = { target: 'n2', createdAtMs: 1, attempts: 0, nextAttemptAtMs: 1, groups: [] };
  for (let round = 0; round < 20; round++) {
    await using opened = new TestStore();
    const { store } = opened;
    await store.apply([groupOf('a', [recordOf(1)])], []);
    await store.cleaned();
    // All in one commit: which of them is at its end first is not said.
    await Promise.all([
      store.apply([], [hint]),
      store.apply([groupOf('a', [recordOf(5), recordOf(6)])], []),
      store.trim('a', 10),
    ]);
    await store.apply([groupOf('a', [recordOf(11)])], []);
    await store.cleaned();
    for (const when of ['at once', 'after a restart']) {
      expect({ when, records: opened.store.summary('a')?.records }).toEqual({ when, records: 1 });
      expectDigestsOf(opened.store, 'a', [recordOf(11)]);
      if (when === 'at once') await opened.reopen();
    }
  }
});

test.each(MANNERS)(
  `store: batches, trims, checks and failing commits leave it sound (SPEC I2, I5, I7; partitions=$partitions, rounds=$rounds, seed=${SEED})`,
  async ({ partitions, steps, rounds }) => {
    const names = Array.from({ length: partitions }, (_, i) => `p${i}`);
    for (let round = 0; round < rounds; round++) {
      const numbers = seededNumbers(SEED + round);
      const draw = (below: number) => Math.floor((numbers() / 2 ** 32) * below);
      await using opened = new TestStore();
      try {
        const race = new Race(opened.store as LmdbStore, names, draw);
        for (let step = 0; step < steps; step++) {
          await race.step();
          race.expectCounts();
        }
        await race.settled();
        disk.isFull = () => false;
        // What a full disk has stopped goes on with the next write.
        await opened.store.apply([groupOf('z', [recordOf(1)])], []);
        for (const partition of names) await opened.store.trim(partition, 1);
        await opened.store.cleaned();
        const held = () => names.map((partition) => framesOf(opened.store, partition).map(hex).join());
        const heads = () => names.map((partition) => opened.store.head(partition));
        const [before, headsBefore] = [held(), heads()];
        const loseIndex = () => rmSync(join(opened.dataDir, 'index'), { recursive: true });
        for (const between of [() => undefined, loseIndex]) {
          for (const partition of names)
            expectDigestsOf(opened.store, partition, framesOf(opened.store, partition));
          expect((await (opened.store as LmdbStore).verify()).findings).toEqual([]);
          await opened.reopen(between);
          await opened.store.cleaned();
          expect(held()).toEqual(before);
          expect(heads()).toEqual(headsBefore);
        }
      } catch (cause) {
        throw new Error(`round ${round}; again with: ${REPLAY}`, { cause });
      }
    }
  },
  300_000,
);
