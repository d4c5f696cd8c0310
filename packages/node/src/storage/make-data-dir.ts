/**
 * Makes a data folder, and says in one sentence why one cannot be used.
 *
 * One folder at a time: Node's own recursive mkdir never returns where a parent exists and yet takes
 * no folders, as in /proc.
 */
import { accessSync, constants, mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { MendlogError } from '@mendlog/core';

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'this user may not write there',
  EEXIST: 'there is a file of that name',
  ENOENT: 'no folder can be made there',
  ENOTDIR: 'a part of the path is a file, not a folder',
  EPERM: 'this user may not write there',
  EROFS: 'the file system is read-only',
};

/** Throws BAD_CONFIG, or DISK_FULL. */
export function makeDataDir(dataDir: string): void {
  if (dataDir === '') throw new MendlogError('BAD_CONFIG', 'the name of the data folder is empty');
  try {
    makeFolder(resolve(dataDir));
    accessSync(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw dataDirError(dataDir, cause);
  }
}

/** What was thrown over a data folder, as an error that names the folder; one of ours stays as it is. */
export function dataDirError(dataDir: string, cause: unknown): MendlogError {
  if (cause instanceof MendlogError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  const code = codeOf(cause);
  const isFull = code === 'ENOSPC' || /no space left/i.test(message);
  const reason = isFull ? 'the disk is full' : (REASONS[code] ?? message);
  return new MendlogError(
    isFull ? 'DISK_FULL' : 'BAD_CONFIG',
    `cannot use the data folder ${dataDir}: ${reason}`,
    { cause },
  );
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path);
  } catch (error) {
    if (codeOf(error) === 'EEXIST' && statSync(path).isDirectory()) return;
    const parent = dirname(path);
    if (codeOf(error) !== 'ENOENT' || parent === path) throw error;
    makeFolder(parent);
    mkdirSync(path);
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
