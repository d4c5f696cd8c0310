// The engine on LMDB against its oracle in memory: whatever is done to both, they answer alike, with what is in the
// overlay, in the index and on its way between them, after restarts and crashes and over an index made anew.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { LmdbStore } from '../src/storage/lmdb-store.js';
import { anyCommands, anyManner } from './store-commands.js';
import { Oracle } from './store-oracle.js';
import { TestStore } from './test-store.js';

const RUNS = Number(process.env.MENDLOG_MODEL_RUNS ?? 60);
const SEED = Number(process.env.MENDLOG_MODEL_SEED ?? Date.now() % 2 ** 31);
const REPLAY = `MENDLOG_MODEL_SEED=${SEED} MENDLOG_MODEL_RUNS=${RUNS} npx vitest run packages/node/test/store-model.test.ts`;

test(`store: the engine on LMDB and the one in memory answer alike, through crashes too (SPEC I1, I5, I7; runs=${RUNS}; ${REPLAY})`, async () => {
  await fc.assert(
    fc.asyncProperty(anyCommands, anyManner, async (commands, manner) => {
      await using opened = new TestStore();
      await fc.asyncModelRun(() => ({ model: new Oracle(), real: { opened, manner } }), commands);
      const { findings } = await (opened.store as LmdbStore).verify();
      expect(findings).toEqual([]);
    }),
    { numRuns: RUNS, seed: SEED },
  );
});
