/** `mendlog restore`: makes a data folder of a backup. */
import { restoreBackup } from '@mendlog/node/backup';
import { summaryOf } from './backup.js';
import { Narrator } from './narrator.js';
import { bytesInWords, percentOf } from './words.js';

export interface RestoreCommandOptions {
  readonly to: string;
  readonly id?: string;
}

export async function runRestore(
  from: string,
  { to, id }: RestoreCommandOptions,
  signal: AbortSignal,
): Promise<number> {
  const narrator = new Narrator(process.stderr);
  const { nodeId, manifest } = await restoreBackup({
    from,
    to,
    nodeId: id,
    signal,
    onProgress: ({ bytes, bytesInAll }) =>
      narrator.progress(`hashing ${bytesInWords(bytesInAll)}: ${percentOf(bytes, bytesInAll)}`),
  });
  narrator.clear();
  process.stdout.write(`${to} is a data folder of ${nodeId}, from the backup of ${summaryOf(manifest)}\n`);
  return 0;
}
