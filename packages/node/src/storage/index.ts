export type { IntegrityFinding } from './integrity-finding.js';
export type { IntegrityReport } from './integrity-report.js';
export { LmdbStore, type LmdbStoreOptions } from './lmdb-store.js';
export { readMeta, type StoreMeta } from './meta.js';
