// The store in memory over the oracle's kernel, as the conformance suite takes an engine. Its hash is one of Node.js:
// the suite makes a hundred thousand tags, which is long for the BLAKE3 that the other tests take.
import { createHash } from 'node:crypto';
import type { StoreEngine } from '../src/conformance/index.js';
import { createOracleKernel } from '../src/digest/oracle.js';
import { MemoryStore, type MemoryStoreOptions } from '../src/storage/memory-store.js';

function hashed(...parts: (string | Uint8Array)[]): Uint8Array {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

export const MEMORY_OPTIONS: MemoryStoreOptions = {
  storeId: 'in memory',
  kernel: createOracleKernel({ deriveKey: hashed, keyedHash: hashed }),
  tagKeyOf: (partition) => hashed('of tests', partition),
};

export const memoryEngine: StoreEngine = {
  ...MEMORY_OPTIONS,
  makeDisk() {
    let store: MemoryStore | undefined;
    return {
      open() {
        store = store?.reopened() ?? new MemoryStore(MEMORY_OPTIONS);
        return store;
      },
      remove() {},
    };
  },
};
