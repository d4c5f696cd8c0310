// A store on LMDB in a folder of its own, which can be closed and opened again, also as after a crash.
import type { Store } from '@mendlog/core';
import { loadKernel, partitionKey } from '@mendlog/merkle';
import { EntrySlabs } from '../src/storage/entry-slabs.js';
import { LmdbStore } from '../src/storage/lmdb-store.js';
import { copyAsCrashed } from './crash-image.js';
import { temporaryFolder } from './temporary-folder.js';

// What is given back is overwritten at once: whoever still reads it is found out in every test of the store.
const { give } = EntrySlabs.prototype;
EntrySlabs.prototype.give = function (bytes) {
  bytes.fill(0xff);
  give.call(this, bytes);
};

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

export class TestStore implements AsyncDisposable {
  #folder = temporaryFolder();
  readonly #options: { readonly overlayBytesMax?: number };
  #store: Store;

  constructor(options: { readonly overlayBytesMax?: number } = {}) {
    this.#options = options;
    this.#store = openStore(this.#folder.path, options);
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
    this.#store = openStore(this.#folder.path, this.#options);
  }

  /** Goes on with what a process that dies now would leave. */
  async crash(): Promise<void> {
    const image = temporaryFolder();
    copyAsCrashed(this.dataDir, image.path);
    await this[Symbol.asyncDispose]();
    this.#folder = image;
    this.#store = openStore(image.path, this.#options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#store.close();
    this.#folder[Symbol.dispose]();
  }
}
