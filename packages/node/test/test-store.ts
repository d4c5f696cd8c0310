// A store in a folder of its own that can be closed and opened again.
import { loadKernel } from '@mendlog/merkle';
import { LmdbStore } from '../src/storage/lmdb-store.js';
import { temporaryFolder } from './temporary-folder.js';

export const kernel = loadKernel();
export const secret = new TextEncoder().encode('a secret for tests only');

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
  readonly #folder = temporaryFolder();
  readonly #options: { overlayBytesMax?: number };
  #store: LmdbStore;

  constructor(options: { overlayBytesMax?: number } = {}) {
    this.#options = options;
    this.#store = openStore(this.#folder.path, options);
  }

  get dataDir(): string {
    return this.#folder.path;
  }

  get store(): LmdbStore {
    return this.#store;
  }

  async reopen(): Promise<void> {
    await this.#store.close();
    this.#store = openStore(this.#folder.path, this.#options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#store.close();
    this.#folder[Symbol.dispose]();
  }
}
