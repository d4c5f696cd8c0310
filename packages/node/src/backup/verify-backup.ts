/**
 * Checks a backup: first its files, then every record in it, read from a copy that is removed at the end,
 * since a store that is opened writes to its folder.
 */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type DigestKernel, MendlogError, packItems, ROW_BYTES, type Store, TAG_BYTES } from '@mendlog/core';
import { partitionKey } from '@mendlog/merkle';
import { LmdbStore } from '../storage/lmdb-store.js';
import { dataDirError } from '../storage/make-data-dir.js';
import { checkSecret, secretCheckOf } from '../storage/meta.js';
import { checkFiles, type FileWork } from './backup-files.js';
import { copyBackup } from './copy-backup.js';
import type { BackedUpPartition, BackupManifest } from './manifest.js';
import { recordPages } from './record-pages.js';

/** Faults that an error names, at most. */
const FAULTS_MAX = 100;

export interface VerifyOptions {
  readonly kernel: DigestKernel;
  /** The cluster's: without it no digest can be recomputed. */
  readonly secret: Uint8Array;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: VerifyProgress) => void) | undefined;
}

export type VerifyProgress =
  | { readonly step: 'hashing'; readonly bytes: number; readonly bytesInAll: number }
  | { readonly step: 'copying'; readonly path: string }
  | { readonly step: 'reading'; readonly records: number; readonly recordsInAll: number };

/**
 * Resolves to the manifest of a sound backup; rejects with BACKUP_INVALID, whose details name the faults, with
 * FORMAT_UNKNOWN, or with BAD_CONFIG for another secret than the cluster's. Needs as much free space beside the backup, or else in the system's folder for temporary
 * files, as the backup takes; less where the file system lets copies share their blocks.
 */
export async function verifyBackup(folder: string, options: VerifyOptions): Promise<BackupManifest> {
  const { kernel, secret, signal, onProgress } = options;
  const hashing: FileWork = {
    signal,
    onProgress: onProgress && ((done) => onProgress({ step: 'hashing', ...done })),
  };
  const manifest = await checkFiles(folder, hashing);
  checkSecret(folder, secretCheckOf(folder), { kernel, secret });
  const { nodeId } = manifest;
  const dataDir = folderForCopy(folder);
  try {
    await copyBackup({
      from: folder,
      to: dataDir,
      manifest,
      nodeId,
      storeId: randomUUID(),
      signal,
      onProgress: onProgress && ((path) => onProgress({ step: 'copying', path })),
    });
    const faults = await faultsOf(LmdbStore.open({ dataDir, nodeId, kernel, secret }), manifest, options);
    if (faults.length > 0) throw invalid(folder, faults);
    return manifest;
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** Beside the backup, where a copy may share its blocks; elsewhere where nobody may write there. */
function folderForCopy(folder: string): string {
  const path = resolve(folder);
  try {
    return mkdtempSync(`${path}-verified-`);
  } catch {
    try {
      return mkdtempSync(join(tmpdir(), `${basename(path)}-verified-`));
    } catch (cause) {
      throw dataDirError(tmpdir(), cause);
    }
  }
}

/** Reads everything, and closes the store. */
async function faultsOf(store: Store, manifest: BackupManifest, options: VerifyOptions): Promise<string[]> {
  const { signal, onProgress } = options;
  const recordsInAll = manifest.partitions.reduce((sum, { records }) => sum + records, 0);
  let records = 0;
  const onRecords = async (more: number) => {
    records += more;
    onProgress?.({ step: 'reading', records, recordsInAll });
    await nextTurn();
    signal?.throwIfAborted();
  };
  try {
    const names = new Set(manifest.partitions.map(({ name }) => name));
    const faults = store
      .partitions()
      .filter(({ partition }) => !names.has(partition))
      .map(({ partition }) => `${partition}: not in the manifest`);
    for (const expected of manifest.partitions) {
      const fault = await faultOf(store, expected, { ...options, onRecords });
      if (fault !== undefined) faults.push(`${expected.name}: ${fault}`);
    }
    return faults;
  } finally {
    await store.close();
  }
}

/** What is wrong with a partition: its records against their tags, and their sum against the manifest's. */
async function faultOf(
  store: Store,
  expected: BackedUpPartition,
  { kernel, secret, onRecords }: VerifyOptions & { readonly onRecords: (more: number) => Promise<void> },
): Promise<string | undefined> {
  const { name } = expected;
  const key = partitionKey(kernel, secret, name);
  const root = new Uint8Array(ROW_BYTES);
  let records = 0;
  let bytes = 0;
  let damaged = 0;
  for (const page of recordPages(store, name)) {
    const { frames } = page;
    const packed = packItems(name, frames);
    const tags = new Uint8Array(frames.length * TAG_BYTES);
    kernel.tags(key, packed.bytes, packed.ends, tags);
    kernel.addTags(root, new Uint32Array(frames.length), tags, 1);
    records += frames.length;
    bytes += packed.bytes.length;
    damaged += page.damaged;
    await onRecords(frames.length + page.damaged);
  }
  if (damaged > 0) return `${damaged} of ${records + damaged} records do not match their digests`;
  if (records !== expected.records) return `${records} records in place of ${expected.records}`;
  if (bytes !== expected.bytes) return `${bytes} bytes of records in place of ${expected.bytes}`;
  if (Buffer.from(root).toString('hex') !== expected.root) return 'its records have another digest';
  const { head, trimmedTo } = store.summary(name) ?? { head: 0, trimmedTo: 0 };
  if (head !== expected.head) return `its head is ${head} in place of ${expected.head}`;
  if (trimmedTo !== expected.trimmedTo) return `trimmed to ${trimmedTo} in place of ${expected.trimmedTo}`;
  return undefined;
}

function invalid(folder: string, faults: readonly string[]): MendlogError {
  const more = faults.length > 1 ? `, and ${faults.length - 1} more partitions` : '';
  return new MendlogError(
    'BACKUP_INVALID',
    `the records in the backup ${folder} are not as they were written: ${faults[0]}${more}`,
    { details: { faults: faults.slice(0, FAULTS_MAX) } },
  );
}
