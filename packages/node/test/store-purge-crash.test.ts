// A process dies by SIGKILL while it deletes and purges: no key that was deleted is back, over the index that is there and
// over one made anew. MENDLOG_CRASH_ROUNDS says how many deaths.
import { once } from 'node:events';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { decodeFrame } from '@mendlog/core';
import { expect, test } from 'vitest';
import type { LmdbStore } from '../src/storage/lmdb-store.js';
import { frame, frameOf, groupOf } from './records.js';
import { seededNumbers } from './seeded-bytes.js';
import { forkStore } from './store-child.js';
import { expectDigestsOf, framesOf } from './store-digests.js';
import { temporaryFolder } from './temporary-folder.js';
import { openStore } from './test-store.js';

const ROUNDS = Number(process.env.MENDLOG_CRASH_ROUNDS ?? 12);
const SEED = Number(process.env.MENDLOG_CRASH_SEED ?? Date.now() % 2 ** 31);
const REPLAY = `MENDLOG_CRASH_SEED=${SEED} MENDLOG_CRASH_ROUNDS=${ROUNDS} npx vitest run packages/node/test/store-purge-crash.test.ts`;
const KEYS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
const PARTITION = 'settings';

/** What one message does: puts and deletes of keys among other records, or a purge. */
interface Deed {
  readonly id: number;
  readonly puts: ReadonlyMap<string, number | 'deleted'>;
  readonly purgedTo: number;
}

class Story {
  readonly #numbers = seededNumbers(SEED);
  #head = 0;
  #next = 1;
  #underWay: Deed | undefined;
  /** By key the counter of its put; a deleted key has none. */
  #held = new Map<string, number>();
  #purgedTo = 0;

  drawn(below: number): number {
    return Math.floor((this.#numbers() / 2 ** 32) * below);
  }

  nextMessage() {
    const id = this.#next++;
    if (this.drawn(4) === 0 && this.#head > 0) {
      const counter = Math.max(1, this.#head - this.drawn(30));
      this.#underWay = { id, puts: new Map(), purgedTo: counter };
      return { id, purged: { partition: PARTITION, counter } };
    }
    const puts = new Map<string, number | 'deleted'>();
    const frames = Array.from({ length: 1 + this.drawn(20) }, () => {
      const counter = ++this.#head;
      const key = KEYS[this.drawn(KEYS.length)] as string;
      if (puts.has(key) || this.drawn(3) === 0) return frame(counter, 'x'.repeat(this.drawn(400)));
      const isDeleted = this.drawn(2) === 0;
      puts.set(key, isDeleted ? 'deleted' : counter);
      return frameOf(counter, isDeleted ? '' : `v${counter}`, isDeleted ? { key, tombstone: true } : { key });
    });
    this.#underWay = { id, puts, purgedTo: 0 };
    return { id, groups: [groupOf(PARTITION, frames)] };
  }

  acknowledge(id: number): void {
    const deed = this.#underWay;
    if (deed?.id !== id) return;
    this.#underWay = undefined;
    this.#held = after(this.#held, deed);
    this.#purgedTo = Math.max(this.#purgedTo, deed.purgedTo);
  }

  /** Opens the store and compares; what was found of the deed under way is so from then on. */
  async check(dataDir: string, overNewIndex: boolean): Promise<void> {
    if (overNewIndex)
      for (const name of readdirSync(join(dataDir, 'index')))
        rmSync(join(dataDir, 'index', name), { recursive: true });
    const store: LmdbStore = openStore(dataDir);
    try {
      await store.cleaned();
      const held = new Map<string, number>();
      const tombstones: number[] = [];
      const frames = framesOf(store, PARTITION);
      for (const { version, key, tombstone } of frames.map(decodeFrame)) {
        if (tombstone !== undefined) tombstones.push(version.counter);
        else if (key !== undefined) held.set(key, version.counter);
      }
      const deed = this.#underWay;
      const possible = [this.#held, ...(deed === undefined ? [] : [after(this.#held, deed)])];
      expect(possible.map(textOf), REPLAY).toContain(textOf(held));
      const { purgedTo = 0, fencedTo = 0, head = 0 } = store.summary(PARTITION) ?? {};
      expect([this.#purgedTo, Math.max(this.#purgedTo, deed?.purgedTo ?? 0)], REPLAY).toContain(purgedTo);
      expect(fencedTo, REPLAY).toBeGreaterThanOrEqual(purgedTo);
      expect(Math.min(purgedTo + 1, ...tombstones), REPLAY).toBeGreaterThan(purgedTo);
      expectDigestsOf(store, PARTITION, frames);
      expect((await store.verify()).findings, REPLAY).toEqual([]);
      this.#held = held;
      this.#purgedTo = purgedTo;
      this.#head = head;
      this.#underWay = undefined;
    } finally {
      await store.close();
    }
  }
}

function after(held: ReadonlyMap<string, number>, { puts }: Deed): Map<string, number> {
  const next = new Map(held);
  for (const [key, put] of puts) {
    if (put === 'deleted') next.delete(key);
    else next.set(key, put);
  }
  return next;
}

function textOf(held: ReadonlyMap<string, number>): string {
  return [...held]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, counter]) => `${key} at ${counter}`)
    .join(', ');
}

/** One message after another, until so many acknowledgements have come; then the process dies with one under way. */
async function deleteAndDie(dataDir: string, story: Story, deaths: number): Promise<void> {
  const child = forkStore(dataDir);
  const exited = once(child, 'exit');
  let left = deaths;
  const failures: string[] = [];
  child.on('message', ({ acknowledged, cause }: { acknowledged?: number; cause?: string }) => {
    if (cause !== undefined) failures.push(cause);
    if (acknowledged !== undefined) {
      story.acknowledge(acknowledged);
      left--;
    }
    child.send(story.nextMessage(), () => {
      if (left <= 0) child.kill('SIGKILL');
    });
  });
  await exited;
  expect(failures, REPLAY).toEqual([]);
}

test(
  `purge: a process that purges is killed, and nothing that was deleted is back (SPEC I1, I5, I7; deaths=${ROUNDS}, seed=${SEED})`,
  async () => {
    using folder = temporaryFolder();
    const story = new Story();
    for (let round = 0; round < ROUNDS; round++) {
      await deleteAndDie(folder.path, story, 1 + story.drawn(40));
      await story.check(folder.path, round % 3 === 2);
    }
  },
  30_000 + ROUNDS * 5_000,
);
