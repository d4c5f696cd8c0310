/** `mendlog backup`: a backup of a node that does not run; one that runs makes its own, by MendlogNode.backup(). */
import type { BackupManifest } from '@mendlog/node/backup';
import { Narrator } from './narrator.js';
import { type FolderOptions, openStoppedNode } from './stopped-node.js';
import { bytesInWords, counted, percentOf } from './words.js';

export interface BackupCommandOptions extends FolderOptions {
  readonly to: string;
}

export async function runBackup(options: BackupCommandOptions, signal: AbortSignal): Promise<number> {
  await using node = openStoppedNode(options);
  const narrator = new Narrator(process.stderr);
  const manifest = await node.store.backup(options.to, {
    signal,
    onProgress: ({ step, bytes, bytesInAll }) =>
      narrator.progress(`${step} ${bytesInWords(bytesInAll)}: ${percentOf(bytes, bytesInAll)}`),
  });
  narrator.clear();
  process.stdout.write(`backup of ${summaryOf(manifest)} in ${options.to}\n`);
  return 0;
}

/** What a backup holds, for the middle of a sentence. */
export function summaryOf({ nodeId, partitions, files }: BackupManifest): string {
  const records = partitions.reduce((sum, partition) => sum + partition.records, 0);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const held = `${counted(records, 'record')} in ${counted(partitions.length, 'partition')}`;
  return `${nodeId} (${held}, ${bytesInWords(bytes)})`;
}
