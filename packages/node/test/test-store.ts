// A store that can be closed and opened again: on LMDB in a folder of its own, or in memory.
import { MemoryStore, type Store } from '@mendlog/core';
import { loadKernel, partitionKey } from '@mendlog/merkle';
import { LmdbStore } from '../src/storage/lmdb-store.js';
import { temporaryFolder } from './temporary-folder.js';

export const kernel = loadKernel();
export const secret = new TextEncoder().encode('a secret for tests only');
/** The key of a partition's tags. */
export const tagKeyOf = (partition: string) => partitionKey(kernel, secret, partition);

export function openStore(
  dataDir: string,
  { nodeId = 'n1', overlayBytesMax }: { nodeId?: string; overlayBytesMax?: number } = {},
): LmdbStore {
  return LmdbStore.open({
    dataDir,
    nodeId,
    kernel,
    secret,
    ...(overlayBytesMax === undefined ? {} : { overlayBytesMax }),
  });
}

/** The engines that stand behind the storage port. */
export const ENGINES = ['LMDB', 'memory'] as const;

export interface TestStoreOptions {
  readonly engine?: (typeof ENGINES)[number];
  readonly overlayBytesMax?: number;
}

export class TestStore implements AsyncDisposable {
  readonly #folder = temporaryFolder();
  readonly #reopened: () => Store;
  #store: Store;

  constructor({ engine = 'LMDB', ...options }: TestStoreOptions = {}) {
    let memory: MemoryStore | undefined;
    this.#reopened = () => {
      if (engine === 'LMDB') return openStore(this.#folder.path, options);
      memory = memory?.reopened() ?? new MemoryStore({ storeId: 'in memory', kernel, tagKeyOf });
      return memory;
    };
    this.#store = this.#reopened();
  }

  get dataDir(): string {
    return this.#folder.path;
  }

  get store(): Store {
    return this.#store;
  }

  /** Closes the store and opens it again; `between` may do something to its folder. */
  async reopen(between?: () => void): Promise<void> {
    await this.#store.close();
    between?.();
    this.#store = this.#reopened();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#store.close();
    this.#folder[Symbol.dispose]();
  }
}
