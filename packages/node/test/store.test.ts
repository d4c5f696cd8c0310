// The storage port's conformance suite, over the engine on LMDB and the one in memory.
import { MemoryStore } from '@mendlog/core';
import { type StoreEngine, storeConformance } from '@mendlog/core/conformance';
import { describe, test } from 'vitest';
import { temporaryFolder } from './temporary-folder.js';
import { kernel, openStore, tagKeyOf } from './test-store.js';

const lmdb: StoreEngine = {
  kernel,
  tagKeyOf,
  makeDisk() {
    const folder = temporaryFolder();
    return { open: () => openStore(folder.path), remove: () => folder[Symbol.dispose]() };
  },
};

const memory: StoreEngine = {
  kernel,
  tagKeyOf,
  makeDisk() {
    let store: MemoryStore | undefined;
    return {
      open() {
        store = store?.reopened() ?? new MemoryStore({ storeId: 'in memory', kernel, tagKeyOf });
        return store;
      },
      remove() {},
    };
  },
};

const seed = Number(process.env.MENDLOG_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));

describe.each([
  { name: 'LMDB', engine: lmdb },
  { name: 'memory', engine: memory },
])(`store (SPEC I5, I7; engine=$name, MENDLOG_TEST_SEED=${seed})`, ({ engine }) => {
  for (const { name, run } of storeConformance(engine, { seed })) test(name, run);
});
