// Appends as clients make them: their keys ascend but for retries and other clients' keys, which come in between. What
// the store then takes without a look-up is held against the engine in memory.
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  appendKey,
  encodeFrame,
  MemoryStore,
  type PackedGroup,
  type RecordKey,
  type Store,
} from '@mendlog/core';
import { expect, test } from 'vitest';
import type { LmdbStore } from '../src/storage/lmdb-store.js';
import { groupOf, version } from './records.js';
import { seededNumbers } from './seeded-bytes.js';
import { framesOf, hex } from './store-digests.js';
import { kernel, TestStore, tagKeyOf } from './test-store.js';

const ROUNDS = 15;
const BATCHES = 25;
const seed = Number(process.env.MENDLOG_SEED ?? Math.floor(Math.random() * 2 ** 31));

const idOf = (number: number) => {
  const id = Buffer.alloc(16);
  id.writeUInt32BE(number, 12);
  return id;
};

/** Who holds these keys. */
function told(store: Store, keys: readonly RecordKey[]): unknown[] {
  return store.keyStates('p', keys).map((state) => {
    if (typeof state === 'string') return state;
    return { attempt: state.attempt, version: state.version, tag: hex(state.tag) };
  });
}

test(`appends: keys that ascend, repeat and come late are held as in memory (rounds=${ROUNDS}, seed=${seed}; MENDLOG_SEED=${seed} npx vitest run packages/node/test/store-appends.test.ts)`, async () => {
  const numbers = seededNumbers(seed);
  const random = () => numbers() / 2 ** 32;
  const draw = (below: number) => Math.floor(random() * below);
  for (let round = 0; round < ROUNDS; round++) {
    await using opened = new TestStore();
    const oracle = new MemoryStore({ storeId: 'oracle', kernel, tagKeyOf });
    let counter = 0;
    let highest = 100;
    const nextId = () => {
      const kind = random();
      // Of one that was appended before, or of another client that was slower; as a rule a new one.
      if (kind < 0.02) return draw(highest) + 1;
      if (kind < 0.08) return highest - draw(10);
      highest += 1 + draw(3);
      return highest;
    };
    const nextGroup = (): PackedGroup => {
      const frames = Array.from({ length: 1 + draw(random() < 0.5 ? 3 : 40) }, () => {
        counter++;
        const append = { id: idOf(nextId()), attempt: random() < 0.9 ? 0 : draw(3) };
        return encodeFrame({
          version: version(counter),
          timeMs: 1000,
          value: Buffer.from(`v${counter}`),
          append,
        });
      });
      return groupOf('p', frames);
    };
    // As of a commit of several requests; now and then one comes late, or twice.
    const nextBatch = (): PackedGroup[] => {
      const groups = Array.from({ length: 1 + draw(3) }, nextGroup);
      if (random() < 0.1) groups.reverse();
      if (random() < 0.1) groups.push(groups[draw(groups.length)] as PackedGroup);
      return groups;
    };
    const batches = Array.from({ length: BATCHES }, nextBatch);
    const keys = Array.from({ length: highest }, (_, i) => appendKey(idOf(i + 1)));
    const expectAlike = (when: string) => {
      expect(framesOf(opened.store, 'p').map(hex), when).toEqual(framesOf(oracle, 'p').map(hex));
      expect(told(opened.store, keys), when).toEqual(told(oracle, keys));
    };
    for (const groups of batches) {
      const results = await Promise.all([opened.store.apply(groups, []), oracle.apply(groups, [])]);
      expect(results[0]).toEqual(results[1]);
      if (random() < 0.2) await opened.store.cleaned();
      if (random() < 0.4) expectAlike('before the index has all');
    }
    await opened.store.cleaned();
    expectAlike('from the index');
    expect((await (opened.store as LmdbStore).verify()).findings).toEqual([]);
    await opened.reopen(() => {
      const index = join(opened.dataDir, 'index');
      for (const name of readdirSync(index)) rmSync(join(index, name), { recursive: true });
    });
    expectAlike('from an index made anew');
    expect((await (opened.store as LmdbStore).verify()).findings).toEqual([]);
  }
});
