/**
 * What lmdb-js throws when a write fails, in our words. A commit that failed carries its cause as a
 * promise. A full disk is reported by errno, by text alone, or, where some of a batch's pages still
 * fitted, as an input/output error: then the free space decides.
 */
import { statfsSync } from 'node:fs';
import { MendlogError } from '@mendlog/core';

const ENOSPC = 28;
const EIO = 5;
/** Less than any batch that is large enough to be cut short. */
const FREE_BYTES_MIN = 1024 * 1024;

/** Whether opening failed because the folder cannot be used, and not for what lies in it. */
export function isOfFolder(thrown: unknown): boolean {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
  // Errors of the system are positive numbers here, those of LMDB negative ones.
  const isOfSystem = typeof code === 'number' ? code > 0 : /^E[A-Z]+$/.test(String(code));
  return isOfSystem || /no space left|permission denied|read-only file system/i.test(text);
}

/** Whether the bytes that were read may be at fault, and not the room or the rights that the disk gives. */
export function isOfDamage(thrown: unknown): boolean {
  return !isOfFolder(thrown) && !(thrown instanceof MendlogError && thrown.code === 'DISK_FULL');
}

/** DISK_FULL where that is what happened in this folder, else the cause as it is. */
export async function storeError(thrown: unknown, dataDir: string): Promise<unknown> {
  const isCommit = thrown instanceof Error && 'commitError' in thrown;
  const cause = isCommit
    ? await Promise.resolve(thrown.commitError).catch((error: unknown) => error)
    : thrown;
  const text = cause instanceof Error ? cause.message : String(cause);
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  const isFull =
    code === ENOSPC ||
    code === 'ENOSPC' ||
    /no space left|MDB_MAP_FULL/i.test(text) ||
    (code === EIO && isNearlyFull(dataDir));
  if (!isFull) return cause;
  return new MendlogError('DISK_FULL', 'the disk is full: nothing was written', { cause });
}

function isNearlyFull(folder: string): boolean {
  try {
    return freeBytes(folder) < FREE_BYTES_MIN;
  } catch {
    return false;
  }
}

export function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}
