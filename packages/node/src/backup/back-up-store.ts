/**
 * Makes a backup of a store that goes on working.
 *
 *   index copied --> log copied --> the copy opened: the log's tail comes into its index --> closed
 *                --> files flushed and hashed --> manifest written, last
 *
 * Each copy is its environment at one moment, the log's the later one: so the copied log holds all that
 * the copied index does not. For as long as that takes, entries of the log are neither removed nor
 * written anew, since the older index points to them.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { MendlogError, type PartitionSummary, type Store } from '@mendlog/core';
import { flushToDisk } from '../storage/durable-file.js';
import { dataDirError } from '../storage/make-data-dir.js';
import { STORE_FORMAT, writeMeta } from '../storage/meta.js';
import { freeBytes } from '../storage/store-error.js';
import { type BytesDone, describeFiles, type FileWork, pathsBelow } from './backup-files.js';
import { MadeFolder } from './made-folder.js';
import { type BackedUpPartition, type BackupManifest, writeManifest } from './manifest.js';

const PROGRESS_MS = 200;
/** What is read and written beside the copies: the log's tail in the index, and descriptions. */
const RESERVE_BYTES = 16 * 1024 * 1024;

export interface BackupProgress extends BytesDone {
  readonly step: 'copying' | 'hashing';
}

export interface BackupOptions {
  /** Aborts between two steps: a file that is being copied is finished first. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: BackupProgress) => void) | undefined;
}

/** What a backup needs of a store. */
export interface BackupSource {
  readonly dataDir: string;
  readonly nodeId: string;
  readonly storeId: string;
  readonly logId: string;
  /** Tells the secret of its tags from others. */
  readonly secretCheck?: string | undefined;
  holdEntries(): Promise<() => void>;
  copyIndex(to: string): Promise<void>;
  copyLog(to: string): Promise<void>;
  /** The copy as a store; tells what is found of damage, in a sentence. */
  openCopy(onDamage: (what: string) => void): Store;
}

export async function backUpStore(
  source: BackupSource,
  folder: string,
  { signal, onProgress }: BackupOptions,
): Promise<BackupManifest> {
  signal?.throwIfAborted();
  checkIsOutside(source.dataDir, folder);
  const { nodeId, storeId, logId, secretCheck } = source;
  const made = new MadeFolder(folder);
  /** Until there is a manifest nothing else opens the folder either. */
  const refuse = (refusal: string) =>
    writeMeta(folder, { format: STORE_FORMAT, nodeId, storeId, secretCheck, refusal });
  const progressOf = (step: BackupProgress['step']): FileWork => ({
    signal,
    onProgress: onProgress && ((done) => onProgress({ step, ...done })),
  });
  try {
    refuse('holds a backup that was cut short: remove it and take another');
    await copyEnvironments(source, folder, progressOf('copying'));
    writeMeta(folder, { format: STORE_FORMAT, nodeId, storeId: randomUUID() });
    const damage: string[] = [];
    const partitions = await settle(source.openCopy((what) => damage.push(what)));
    if (damage.length > 0) throw new MendlogError('LOG_DAMAGED', damage.join('; '));
    refuse('is a backup, which no node may change: restore it into another folder with mendlog restore');
    // They belong to processes, not to what is stored.
    for (const path of pathsBelow(folder)) if (path.endsWith('/lock.mdb')) rmSync(join(folder, path));
    signal?.throwIfAborted();
    const paths = pathsBelow(folder);
    const folders = ['log', `index/${logId}`, 'index', '.'];
    for (const path of [...paths, ...folders]) await flushToDisk(join(folder, path));
    const files = await describeFiles(folder, paths, progressOf('hashing'));
    const manifest = { nodeId, storeId, logId, madeAt: new Date().toISOString(), files, partitions };
    const written = writeManifest(folder, manifest);
    await flushToDisk(dirname(resolve(folder)));
    return written;
  } catch (cause) {
    made.undo();
    throw signal?.aborted === true ? signal.reason : failure(folder, cause);
  }
}

/** Within the store's own folder it would be lost with what it is there for. */
function checkIsOutside(dataDir: string, folder: string): void {
  const path = relative(resolve(dataDir), resolve(folder));
  if (path === '..' || path.startsWith(`..${sep}`)) return;
  throw new MendlogError(
    'BAD_CONFIG',
    `the folder ${folder} is in the data folder ${dataDir}: name one outside of it`,
  );
}

async function copyEnvironments(
  source: BackupSource,
  folder: string,
  { signal, onProgress }: FileWork,
): Promise<void> {
  const logFile = 'log/data.mdb';
  const indexFile = `index/${source.logId}/data.mdb`;
  const sizeOf = (at: string) => bytesOf(join(at, indexFile)) + bytesOf(join(at, logFile));
  const bytesInAll = sizeOf(source.dataDir);
  checkRoom(folder, bytesInAll);
  const timer =
    onProgress && setInterval(() => onProgress({ bytes: sizeOf(folder), bytesInAll }), PROGRESS_MS);
  const release = await source.holdEntries();
  try {
    for (const [file, copy] of [
      [indexFile, source.copyIndex],
      [logFile, source.copyLog],
    ] as const) {
      const to = dirname(join(folder, file));
      mkdirSync(to, { recursive: true });
      await copy(to);
      signal?.throwIfAborted();
    }
  } finally {
    release();
    clearInterval(timer);
  }
}

function bytesOf(path: string): number {
  return existsSync(path) ? statSync(path).size : 0;
}

function checkRoom(folder: string, bytes: number): void {
  const missing = bytes + RESERVE_BYTES - freeBytes(folder);
  if (missing > 0) throw new MendlogError('DISK_FULL', `it needs ${missing} bytes more than are free there`);
}

/** Lets a copied store bring its index up to its log; returns what it holds then, and closes it. */
async function settle(copy: Store): Promise<BackedUpPartition[]> {
  try {
    await copy.cleaned();
    return copy.partitions().map(described);
  } finally {
    await copy.close();
  }
}

function described({ partition, ...summary }: PartitionSummary): BackedUpPartition {
  const { records, bytes, head, trimmedTo, cleanedTo, root } = summary;
  if (cleanedTo < trimmedTo)
    throw new MendlogError('INTERNAL', `trimmed records of ${partition} could not be removed from the copy`);
  return { name: partition, records, bytes, head, trimmedTo, root: Buffer.from(root).toString('hex') };
}

const NEXT_STEPS: ReadonlyMap<string, string> = new Map([
  ['DISK_FULL', 'free some space or name a folder on another disk'],
  ['LOG_DAMAGED', 'back up another replica, and start this node anew'],
]);

function failure(folder: string, thrown: unknown): MendlogError {
  const cause = dataDirError(folder, thrown);
  const next = NEXT_STEPS.get(cause.code) ?? 'take the backup again';
  return new MendlogError(
    cause.code,
    `no backup was made in ${folder}, and nothing of it is left there: ${cause.message}; ${next}`,
    { cause },
  );
}
