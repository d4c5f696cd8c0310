export type { BackupOptions, BackupProgress } from './back-up-store.js';
export { type ExportOptions, exportPartition } from './export-partition.js';
export { type ImportOptions, type ImportResult, importPartition } from './import-partition.js';
export type { BackedUpFile, BackedUpPartition, BackupManifest } from './manifest.js';
export { type Restored, type RestoreOptions, restoreBackup } from './restore-backup.js';
export { type VerifyOptions, type VerifyProgress, verifyBackup } from './verify-backup.js';
