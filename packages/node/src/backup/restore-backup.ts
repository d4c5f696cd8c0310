/** Makes a data folder of a backup, on which a node starts. */
import { randomUUID } from 'node:crypto';
import { MendlogError } from '@mendlog/core';
import { checkNodeId } from '../config/check-node-options.js';
import { dataDirError } from '../storage/make-data-dir.js';
import { checkFiles, type FileWork } from './backup-files.js';
import { copyBackup } from './copy-backup.js';
import { MadeFolder } from './made-folder.js';
import type { BackupManifest } from './manifest.js';

export interface RestoreOptions extends FileWork {
  /** The folder of the backup, which is only read. */
  readonly from: string;
  /** Empty or missing. */
  readonly to: string;
  /** The node that the folder is for; the one that was backed up unless told. */
  readonly nodeId?: string | undefined;
}

export interface Restored {
  readonly nodeId: string;
  /** A new one: peers that knew the store as it was do not take this one for it. */
  readonly storeId: string;
  readonly manifest: BackupManifest;
}

/**
 * Rejects with BACKUP_INVALID, FORMAT_UNKNOWN, BAD_CONFIG or DISK_FULL, and has then left nothing. A process that
 * dies meanwhile leaves a folder that no node opens.
 */
export async function restoreBackup(options: RestoreOptions): Promise<Restored> {
  const { from, to, signal } = options;
  if (options.nodeId !== undefined) checkNodeId(options.nodeId, 'the node id');
  const made = new MadeFolder(to);
  try {
    const manifest = await checkFiles(from, options);
    const { nodeId = manifest.nodeId } = options;
    const storeId = randomUUID();
    await copyBackup({ from, to, manifest, nodeId, storeId, signal });
    return { nodeId, storeId, manifest };
  } catch (cause) {
    made.undo();
    if (signal?.aborted === true) throw signal.reason;
    throw cause instanceof MendlogError ? cause : dataDirError(to, cause);
  }
}
