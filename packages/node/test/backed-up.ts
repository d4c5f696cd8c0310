// A store with some records of every kind, and a backup of it.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { encodeFrame, type Store } from '@mendlog/core';
import type { BackupManifest } from '../src/backup/index.js';
import type { LmdbStore } from '../src/storage/lmdb-store.js';
import { counters, frame, groupOf, version } from './records.js';
import { framesOf, hex } from './store-digests.js';
import { type TemporaryFolder, temporaryFolder } from './temporary-folder.js';
import { openStore } from './test-store.js';

export class BackedUp implements AsyncDisposable {
  readonly store: LmdbStore;
  readonly manifest: BackupManifest;
  readonly #folder: TemporaryFolder;

  private constructor(folder: TemporaryFolder, store: LmdbStore, manifest: BackupManifest) {
    this.#folder = folder;
    this.store = store;
    this.manifest = manifest;
  }

  static async make(): Promise<BackedUp> {
    const folder = temporaryFolder();
    const store = openStore(join(folder.path, 'data'));
    await store.apply(
      ['a', 'b'].map((name) =>
        groupOf(
          name,
          counters(1, 300).map((counter) => frame(counter, valueAt(name, counter))),
        ),
      ),
      [],
    );
    await store.apply([groupOf('a', [keyed(301, 'k', 'old'), keyed(302, 'k', 'new')])], []);
    await store.trim('b', 100);
    const manifest = await store.backup(join(folder.path, 'backup'));
    return new BackedUp(folder, store, manifest);
  }

  /** A path beside the data folder, which is `data`, and the backup, which is `backup`. */
  at(path: string): string {
    return join(this.#folder.path, path);
  }

  /** The hashes of all files of the backup as they are now. */
  hashes(): Record<string, string> {
    const folder = this.at('backup');
    const paths = [...this.manifest.files.map(({ path }) => path), 'manifest.json'];
    return Object.fromEntries(
      paths
        .filter((path) => statSync(join(folder, path), { throwIfNoEntry: false })?.isFile() === true)
        .map((path) => [
          path,
          createHash('sha256')
            .update(readFileSync(join(folder, path)))
            .digest('hex'),
        ]),
    );
  }

  /** What lies beside the data folder. */
  names(): string[] {
    return readdirSync(this.#folder.path).sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store.close();
    this.#folder[Symbol.dispose]();
  }
}

export function valueAt(partition: string, counter: number): string {
  return `value ${counter} of ${partition}`;
}

export function keyed(counter: number, key: string, value: string): Uint8Array {
  return encodeFrame({ version: version(counter), timeMs: 1, key, value: Buffer.from(value) });
}

/** What a store says of its partitions, by name. */
export function summariesOf(store: Store) {
  return store
    .partitions()
    .map(({ partition, records, bytes, head, trimmedTo, root }) => ({
      ...{ partition, records, bytes, head, trimmedTo, root: hex(root) },
    }))
    .sort((a, b) => (a.partition < b.partition ? -1 : 1));
}

/** Everything that a store holds, as its port tells it. */
export function held(store: Store) {
  return summariesOf(store).map((summary) => ({
    ...summary,
    frames: framesOf(store, summary.partition).map(hex),
  }));
}
