/**
 * Whether LMDB can be trusted with a file: it ends the process with a segmentation fault where it finds
 * something else. Looked at are the two meta pages, as liblmdb 0.9.9x writes them (mdb.c, MDB_meta):
 *
 *   page header 24 | magic u32 0xBEEFC0DE | data version u32 | ... | page size u32 at 48
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { MendlogError } from '@mendlog/core';

const MAGIC = 0xbeefc0de;
const DATA_VERSION = 2;
const META_PAGES = 2;
const PAGE_BYTES_MAX = 65_536;
const META_BYTES = 176;

/** Throws MALFORMED where the folder holds a data file that is none of LMDB's. */
export function checkLmdbFile(folder: string): void {
  const path = join(folder, 'data.mdb');
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return;
    throw cause;
  }
  try {
    // A process that died while it made the file leaves it empty: LMDB makes it then.
    if (fstatSync(file).size === 0) return;
    const page = Buffer.alloc(META_BYTES);
    let pageBytes = 0;
    for (let number = 0; number < META_PAGES; number++) {
      const read = readSync(file, page, 0, META_BYTES, number * pageBytes);
      const isMeta =
        read === META_BYTES && page.readUInt32LE(24) === MAGIC && page.readUInt32LE(28) === DATA_VERSION;
      pageBytes = page.readUInt32LE(48);
      if (!isMeta || pageBytes < META_BYTES || pageBytes > PAGE_BYTES_MAX) {
        throw new MendlogError('MALFORMED', `${path} is not a database of LMDB`);
      }
    }
  } finally {
    closeSync(file);
  }
}
