/** The files of a backup: which ones there are, how long, and their SHA-256. */
import { createHash } from 'node:crypto';
import { createReadStream, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { MendlogError } from '@mendlog/core';
import { type BackedUpFile, type BackupManifest, MANIFEST_FILE, readManifest } from './manifest.js';

/** Bytes that are read at a time: others have their turn between them. */
const CHUNK_BYTES = 1024 * 1024;

/** How far a work on files has come. */
export interface BytesDone {
  readonly bytes: number;
  readonly bytesInAll: number;
}

export interface FileWork {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: BytesDone) => void) | undefined;
}

/** Every file below the folder but the manifest, by path with slashes, in the order of their names. */
export function pathsBelow(folder: string): string[] {
  const within = (path: string): string[] =>
    readdirSync(join(folder, path), { withFileTypes: true }).flatMap((entry) => {
      const inner = path === '' ? entry.name : `${path}/${entry.name}`;
      return entry.isDirectory() ? within(inner) : [inner];
    });
  return within('')
    .filter((path) => path !== MANIFEST_FILE)
    .sort();
}

/** What a manifest says of these files. */
export async function describeFiles(
  folder: string,
  paths: readonly string[],
  { signal, onProgress }: FileWork,
): Promise<BackedUpFile[]> {
  const sizes = paths.map((path) => lstatSync(join(folder, path)).size);
  const bytesInAll = sizes.reduce((sum, size) => sum + size, 0);
  const files: BackedUpFile[] = [];
  let done = 0;
  for (const path of paths) {
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const chunk of createReadStream(join(folder, path), { highWaterMark: CHUNK_BYTES })) {
      signal?.throwIfAborted();
      hash.update(chunk);
      bytes += chunk.length;
      done += chunk.length;
      onProgress?.({ bytes: done, bytesInAll });
    }
    files.push({ path, bytes, sha256: hash.digest('hex') });
  }
  return files;
}

/**
 * The manifest of a backup whose files are all there, and as they were when it was made. Throws BACKUP_INVALID
 * or FORMAT_UNKNOWN; changes nothing.
 */
export async function checkFiles(folder: string, work: FileWork = {}): Promise<BackupManifest> {
  const manifest = readManifest(folder);
  const paths = manifest.files.map(({ path }) => path);
  const there = pathsBelow(folder);
  for (const path of there)
    if (!paths.includes(path)) throw invalid(folder, `${path} is there and no part of the backup`);
  for (const { path, bytes } of manifest.files) {
    if (!there.includes(path)) throw invalid(folder, `${path} is missing`);
    const stat = lstatSync(join(folder, path));
    if (!stat.isFile()) throw invalid(folder, `${path} is not a file`);
    if (stat.size !== bytes) throw invalid(folder, `${path} has ${stat.size} bytes in place of ${bytes}`);
  }
  const found = await describeFiles(folder, paths, work);
  for (const [i, { path, sha256 }] of manifest.files.entries())
    if (found[i]?.sha256 !== sha256) throw invalid(folder, `${path} has changed: its SHA-256 is another`);
  return manifest;
}

function invalid(folder: string, what: string): MendlogError {
  return new MendlogError('BACKUP_INVALID', `the backup in ${folder} is not as it was made: ${what}`);
}
