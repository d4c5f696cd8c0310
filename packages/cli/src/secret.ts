/** Where the cluster secret comes from: a file, else the environment, else nowhere (the development key). */
import { readFileSync } from 'node:fs';
import { MendlogError } from '@mendlog/core';
import { whyUnreadable } from './why-unreadable.js';

export function readSecret(secretFile: string | undefined): string | undefined {
  if (secretFile === undefined) return process.env.MENDLOG_CLUSTER_SECRET;
  try {
    return readFileSync(secretFile, 'utf8').trim();
  } catch (cause) {
    throw new MendlogError(
      'BAD_CONFIG',
      `cannot read the secret file ${secretFile}: ${whyUnreadable(cause)}`,
      {
        cause,
      },
    );
  }
}
