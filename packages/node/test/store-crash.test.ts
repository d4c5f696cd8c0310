// A process dies by SIGKILL while it stores: what it acknowledged is there after that, no batch is there in part, and
// digests are those of the records. MENDLOG_CRASH_ROUNDS says how many deaths.
import { once } from 'node:events';
import { frameVersion, itemsOf, type PackedGroup } from '@mendlog/core';
import { expect, test } from 'vitest';
import { frame, groupOf } from './records.js';
import { seededNumbers } from './seeded-bytes.js';
import { forkStore } from './store-child.js';
import { expectDigestsOf, framesOf } from './store-digests.js';
import { temporaryFolder } from './temporary-folder.js';
import { openStore } from './test-store.js';

const ROUNDS = Number(process.env.MENDLOG_CRASH_ROUNDS ?? 20);
const SEED = Number(process.env.MENDLOG_CRASH_SEED ?? Date.now() % 2 ** 31);
const REPLAY = `MENDLOG_CRASH_SEED=${SEED} MENDLOG_CRASH_ROUNDS=${ROUNDS} npx vitest run packages/node/test/store-crash.test.ts`;
const OUTSTANDING = 8;
const PARTITIONS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
/** A trim leaves so many of a partition's newest records; now and then one is made. */
const KEPT = 40;

interface Message {
  readonly ready?: true;
  readonly acknowledged?: number;
  readonly failed?: number;
  readonly cause?: string;
}

class Story {
  readonly #numbers = seededNumbers(SEED);
  readonly #heads = new Map<string, number>();
  readonly #batches: { id: number; groups: PackedGroup[]; acknowledged: boolean }[] = [];
  readonly #trims: { id: number; partition: string; counter: number; acknowledged: boolean }[] = [];
  #next = 1;

  /** A number from 0 up to `below`. */
  drawn(below: number): number {
    return Math.floor((this.#numbers() / 2 ** 32) * below);
  }

  nextMessage(): { id: number; groups?: PackedGroup[]; trim?: { partition: string; counter: number } } {
    const id = this.#next++;
    const partition = PARTITIONS[this.drawn(PARTITIONS.length)] as string;
    const head = this.#heads.get(partition) ?? 0;
    if (this.drawn(30) === 0 && head > KEPT) {
      const trim = { partition, counter: head - KEPT };
      this.#trims.push({ id, ...trim, acknowledged: false });
      return { id, trim };
    }
    const groups = PARTITIONS.filter(() => this.drawn(2) === 0).map((name) => {
      const first = (this.#heads.get(name) ?? 0) + 1;
      const frames = Array.from({ length: 1 + this.drawn(12) }, (_, i) =>
        frame(first + i, `${id} `.repeat(this.drawn(100) === 0 ? 9000 : 1 + this.drawn(60))),
      );
      this.#heads.set(name, first + frames.length - 1);
      return groupOf(name, frames);
    });
    this.#batches.push({ id, groups, acknowledged: false });
    return { id, groups };
  }

  acknowledge(id: number): void {
    for (const done of [...this.#batches, ...this.#trims]) if (done.id === id) done.acknowledged = true;
  }

  get acknowledged(): number {
    return this.#batches.filter(({ acknowledged }) => acknowledged).length;
  }

  /** Opens the store and compares; what was found of batches whose outcome was unknown is so from then on. */
  async check(dataDir: string): Promise<void> {
    const store = openStore(dataDir);
    try {
      const stored = new Map<string, Map<number, string>>();
      for (const name of PARTITIONS) {
        const frames = framesOf(store, name);
        const byCounter = new Map(
          frames.map((bytes) => [frameVersion(bytes).counter, Buffer.from(bytes).toString('latin1')]),
        );
        stored.set(name, byCounter);
        const trimmedTo = store.summary(name)?.trimmedTo ?? 0;
        const asked = this.#trims.filter(({ partition }) => partition === name);
        const sure = Math.max(0, ...asked.filter((trim) => trim.acknowledged).map(({ counter }) => counter));
        expect([sure, ...asked.map(({ counter }) => counter)], REPLAY).toContain(trimmedTo);
        expect(trimmedTo, REPLAY).toBeGreaterThanOrEqual(sure);
        expect(Math.min(trimmedTo + 1, ...byCounter.keys()), REPLAY).toBeGreaterThan(trimmedTo);
      }
      for (const batch of this.#batches) {
        const wanted = batch.groups.flatMap((group) =>
          [...itemsOf(group)]
            .map((bytes) => ({ name: group.partition, bytes, counter: frameVersion(bytes).counter }))
            .filter(({ name, counter }) => counter > (store.summary(name)?.trimmedTo ?? 0)),
        );
        const there = wanted.filter(
          ({ name, bytes, counter }) =>
            stored.get(name)?.get(counter) === Buffer.from(bytes).toString('latin1'),
        );
        const whole = batch.acknowledged || there.length > 0 ? wanted.length : 0;
        expect({ id: batch.id, there: there.length, replay: REPLAY }).toEqual({
          id: batch.id,
          there: whole,
          replay: REPLAY,
        });
        batch.acknowledged ||= there.length > 0;
      }
      await store.cleaned();
      for (const name of PARTITIONS) expectDigestsOf(store, name, framesOf(store, name));
      // What is not there never comes: its counters stay free.
      this.#batches.splice(
        0,
        this.#batches.length,
        ...this.#batches.filter(({ acknowledged }) => acknowledged),
      );
    } finally {
      await store.close();
    }
  }
}

/** Lets a process store until `deaths` acknowledgements have come, with more on the way, and kills it. */
async function storeAndDie(dataDir: string, story: Story, deaths: number): Promise<void> {
  const child = forkStore(dataDir);
  const exited = once(child, 'exit');
  let left = deaths;
  const failures: string[] = [];
  child.on('message', (message: Message) => {
    if (message.cause !== undefined) failures.push(message.cause);
    if (message.acknowledged !== undefined) {
      story.acknowledge(message.acknowledged);
      if (--left === 0) child.kill('SIGKILL');
    }
    // A message to the dead is lost, as it should be.
    const count = message.ready === true ? OUTSTANDING : 1;
    for (let i = 0; i < count && left > 0; i++) child.send(story.nextMessage(), () => undefined);
  });
  await exited;
  expect(failures, REPLAY).toEqual([]);
}

test(
  `store: a process that stores is killed, and nothing that it acknowledged is lost (SPEC I1, I5, I7; deaths=${ROUNDS}, seed=${SEED})`,
  async () => {
    using folder = temporaryFolder();
    const story = new Story();
    for (let round = 0; round < ROUNDS; round++) {
      await storeAndDie(folder.path, story, 1 + story.drawn(60));
      await story.check(folder.path);
    }
    expect(story.acknowledged).toBeGreaterThan(ROUNDS);
  },
  30_000 + ROUNDS * 5_000,
);
