/**
 * Whether LMDB can be trusted with a file: it ends the process with a segmentation fault where it finds
 * something else. Looked at are the two meta pages, as liblmdb 0.9.9x writes them (mdb.c, MDB_meta):
 *
 *   page header 24 | magic u32 0xBEEFC0DE | data version u32 | ... | page size u32 at 48 | ... | last page u64 at 144
 */
import { closeSync, fstatSync, ftruncateSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { MendlogError } from '@mendlog/core';

const MAGIC = 0xbeefc0de;
const DATA_VERSION = 2;
const META_PAGES = 2;
const PAGE_BYTES_AT = 48;
const LAST_PAGE_AT = 144;
const PAGE_BYTES_MAX = 65_536;
const META_BYTES = 176;

/**
 * Makes sure that the folder's data file can be opened: throws MALFORMED where it is none of LMDB's, and
 * lengthens one that was cut. LMDB maps pages beyond a file's end, where reading ends the process with
 * SIGBUS; in a longer file they are zeros, which are found out. Pages that are in no use need not be there,
 * so a short file may be a sound one.
 */
export function makeLmdbFileSafe(folder: string): void {
  const path = join(folder, 'data.mdb');
  let file: number;
  try {
    file = openSync(path, 'r+');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return;
    throw cause;
  }
  try {
    const { size } = fstatSync(file);
    // A process that died while it made the file leaves it empty: LMDB makes it then.
    if (size === 0) return;
    const bytesUsed = readMetaPages(file, path);
    if (size < bytesUsed) ftruncateSync(file, bytesUsed);
  } finally {
    closeSync(file);
  }
}

/** Checks both meta pages; returns how long the file is to be. */
function readMetaPages(file: number, path: string): number {
  const page = Buffer.alloc(META_BYTES);
  let pageBytes = 0;
  let lastPage = 0;
  for (let number = 0; number < META_PAGES; number++) {
    const read = readSync(file, page, 0, META_BYTES, number * pageBytes);
    const isMeta =
      read === META_BYTES && page.readUInt32LE(24) === MAGIC && page.readUInt32LE(28) === DATA_VERSION;
    pageBytes = page.readUInt32LE(PAGE_BYTES_AT);
    if (!isMeta || pageBytes < META_BYTES || pageBytes > PAGE_BYTES_MAX)
      throw new MendlogError('MALFORMED', `${path} is not a database of LMDB`);
    lastPage = Math.max(lastPage, Number(page.readBigUInt64LE(LAST_PAGE_AT)));
  }
  const bytesUsed = (lastPage + 1) * pageBytes;
  if (!Number.isSafeInteger(bytesUsed))
    throw new MendlogError('MALFORMED', `${path} is not a database of LMDB`);
  return bytesUsed;
}
