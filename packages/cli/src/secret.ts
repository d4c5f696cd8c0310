/** Where the cluster secret comes from: a file, else the environment, else nowhere (the development key). */
import { readFileSync } from 'node:fs';
import { MendlogError } from '@mendlog/core';
import { clusterSecret } from '@mendlog/node/config';
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

/** Throws BAD_CONFIG for a secret that the processes of a cluster on this machine would refuse. */
export function checkSecret(secretFile: string | undefined): void {
  clusterSecret(readSecret(secretFile), '127.0.0.1');
}
