/** Makes a data folder of the files of a backup, which stays as it is. */
import { chmodSync, constants, mkdirSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { flushToDisk } from '../storage/durable-file.js';
import { STORE_FORMAT, type StoreMeta, secretCheckOf, writeMeta } from '../storage/meta.js';
import type { BackupManifest } from './manifest.js';

export interface CopyOptions {
  readonly from: string;
  readonly to: string;
  readonly manifest: BackupManifest;
  /** Of the store that the copy becomes. */
  readonly nodeId: string;
  readonly storeId: string;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((path: string) => void) | undefined;
}

/**
 * The meta comes last: until then the folder has one with which no store opens it, since LMDB would take
 * half of a file for a whole one.
 */
export async function copyBackup(options: CopyOptions): Promise<void> {
  const { from, to, manifest, nodeId, storeId, signal, onProgress } = options;
  const meta: StoreMeta = { format: STORE_FORMAT, nodeId, storeId, secretCheck: secretCheckOf(from) };
  writeMeta(to, { ...meta, refusal: 'holds a restore that was cut short: remove it and restore again' });
  for (const { path } of manifest.files) {
    if (path === 'meta.json') continue;
    signal?.throwIfAborted();
    onProgress?.(path);
    const copy = join(to, path);
    mkdirSync(dirname(copy), { recursive: true });
    // Where the file system can, the two share their blocks until one is changed.
    await copyFile(join(from, path), copy, constants.COPYFILE_FICLONE);
    // A backup may be kept where nobody may write.
    chmodSync(copy, 0o644);
    await flushToDisk(copy);
    await flushToDisk(dirname(copy));
  }
  for (const path of [join(to, 'index'), to, dirname(resolve(to))]) await flushToDisk(path);
  writeMeta(to, meta);
}
