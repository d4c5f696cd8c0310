export { LmdbStore, type LmdbStoreOptions } from './lmdb-store.js';
export { readMeta, type StoreMeta } from './meta.js';
