/** The store of a node that does not run, for commands that work on its folder. */
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

/** Throws BAD_CONFIG where there is no data folder or it is of another secret, and DATA_DIR_LOCKED while the node runs. */
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
