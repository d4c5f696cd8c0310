/** `mendlog verify-backup`: reads a backup whole, and changes nothing. */
import { loadKernel } from '@mendlog/merkle';
import { type VerifyProgress, verifyBackup } from '@mendlog/node/backup';
import { summaryOf } from './backup.js';
import { readConfig } from './config.js';
import { Narrator } from './narrator.js';
import { secretOf } from './stopped-node.js';
import { bytesInWords, percentOf } from './words.js';

export interface VerifyBackupOptions {
  readonly secretFile?: string;
  readonly config?: string;
}

export async function runVerifyBackup(
  folder: string,
  options: VerifyBackupOptions,
  signal: AbortSignal,
): Promise<number> {
  const config = readConfig({ secretFile: options.secretFile }, options.config);
  const narrator = new Narrator(process.stderr);
  const manifest = await verifyBackup(folder, {
    kernel: loadKernel(),
    secret: secretOf(config.secretFile),
    signal,
    onProgress: (progress) => narrator.progress(progressInWords(progress)),
  });
  narrator.clear();
  process.stdout.write(`the backup of ${summaryOf(manifest)} is sound, made ${manifest.madeAt}\n`);
  return 0;
}

function progressInWords(progress: VerifyProgress): string {
  switch (progress.step) {
    case 'hashing': {
      const { bytes, bytesInAll } = progress;
      return `hashing ${bytesInWords(bytesInAll)}: ${percentOf(bytes, bytesInAll)}`;
    }
    case 'copying':
      return `copying ${progress.path}`;
    case 'reading':
      return `reading: ${progress.records} of ${progress.recordsInAll} records`;
  }
}
