/** The store of a node that does not run, for commands that work on its folder. */
import { LIMITS, MendlogError, type Store, VERSION_HIGHEST, VERSION_LOWEST } from '@mendlog/core';
import { loadKernel } from '@mendlog/merkle';
import { clusterSecret, dataDirOf } from '@mendlog/node/config';
import { LmdbStore, readMeta } from '@mendlog/node/storage';
import { readConfig } from './config.js';
import { readSecret } from './secret.js';

export interface FolderOptions {
  readonly data?: string;
  readonly secretFile?: string;
  readonly config?: string;
}

export interface StoppedNode extends AsyncDisposable {
  readonly nodeId: string;
  readonly store: LmdbStore;
}

/** Records that say whether the secret is the right one. */
const SAMPLE_RECORDS = 16;

/** Throws BAD_CONFIG where there is no data folder, and DATA_DIR_LOCKED while the node runs. */
export function openStoppedNode(options: FolderOptions): StoppedNode {
  const config = readConfig({ dataDir: options.data, secretFile: options.secretFile }, options.config);
  const dataDir = dataDirOf(config);
  const secret = secretOf(config.secretFile);
  const { nodeId } = readMeta(dataDir);
  const store = LmdbStore.open({ dataDir, nodeId, kernel: loadKernel(), secret });
  return { nodeId, store, [Symbol.asyncDispose]: () => store.close() };
}

/** The cluster secret as `serve` takes it, else the development key: nothing listens here. */
export function secretOf(secretFile: string | undefined): Uint8Array {
  return clusterSecret(readSecret(secretFile), '127.0.0.1');
}

/**
 * Throws BAD_CONFIG where records that are there do not match their digests: what is written with another
 * secret than theirs would be taken for damaged by every node.
 */
export function checkSecretFits(store: Store): void {
  const known = store.partitions().find(({ records }) => records > 0);
  if (known === undefined) return;
  const range = { from: VERSION_LOWEST, to: VERSION_HIGHEST, limit: SAMPLE_RECORDS };
  const { frames } = store.readRange(known.partition, range, LIMITS.messageBytesMax);
  if (frames.length > 0) return;
  throw new MendlogError(
    'BAD_CONFIG',
    `the first records of ${known.partition} do not match their digests: the secret is not the one of the cluster`,
  );
}
