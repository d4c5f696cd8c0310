/** Where the cluster secret comes from: a file, else the environment, else nowhere (the development key). */
import { readFileSync } from 'node:fs';
import { MendlogError } from '@mendlog/core';

export function readSecret(secretFile: string | undefined): string | undefined {
  if (secretFile === undefined) return process.env['MENDLOG_CLUSTER_SECRET'];
  try {
    return readFileSync(secretFile, 'utf8').trim();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new MendlogError('BAD_CONFIG', `cannot read the secret file: ${why}`, { cause });
  }
}
