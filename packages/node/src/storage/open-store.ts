/**
 * Opens a node's store. One whose log the disk has changed so that what it acknowledged is unknown is set
 * aside, for whoever wants to look, and the node comes back as a wiped one: its peers have the records.
 */
import { existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { MendlogError } from '@mendlog/core';
import { LmdbStore, type LmdbStoreOptions } from './lmdb-store.js';

/** Stores set aside that a folder holds: one that loses its log again and again has another fault. */
const SET_ASIDE_MAX = 3;
const SET_ASIDE_FOLDER = 'set-aside';

/** Throws as LmdbStore.open(), and LOG_DAMAGED where too many stores are set aside. */
export function openStore(options: LmdbStoreOptions): LmdbStore {
  try {
    return LmdbStore.open(options);
  } catch (thrown) {
    if (!(thrown instanceof MendlogError) || thrown.code !== 'LOG_DAMAGED') throw thrown;
    const place = setAside(options.dataDir, thrown);
    options.onDamage?.(
      `${thrown.message}; it is set aside in ${place}, and this node begins without records`,
    );
    return LmdbStore.open(options);
  }
}

function setAside(dataDir: string, cause: MendlogError): string {
  const folder = join(dataDir, SET_ASIDE_FOLDER);
  mkdirSync(folder, { recursive: true });
  const before = readdirSync(folder).filter((name) => name.startsWith('store-')).length;
  if (before >= SET_ASIDE_MAX) {
    throw new MendlogError(
      'LOG_DAMAGED',
      `${cause.message}; ${before} stores are set aside in ${folder} already: look at the disk, then remove them`,
      { cause },
    );
  }
  const place = join(folder, `store-${before + 1}`);
  mkdirSync(place, { recursive: true });
  // The log first: whatever happens between, without it the folder is a wiped one.
  for (const name of ['log', 'index', 'meta.json']) {
    if (existsSync(join(dataDir, name))) renameSync(join(dataDir, name), join(place, name));
  }
  return place;
}
