/**
 * The cluster secret: keys every digest, proves a peer to its peers, and encrypts connections off loopback.
 *
 * Without one a development key is used that everybody knows, so a node that has it listens on
 * loopback only.
 */
import { timingSafeEqual } from 'node:crypto';
import { type DigestKernel, MendlogError } from '@mendlog/core';
import { isLoopback } from '@mendlog/transport/psk';

export const DEVELOPMENT_SECRET = 'mendlog development secret, for loopback only';
const SECRET_BYTES_MIN = 16;
const TOKEN_CONTEXT = 'mendlog 2026-11 peer token v1';

/** Throws BAD_CONFIG for a secret that is too short, and for none off loopback. */
export function clusterSecret(secret: string | undefined, listenHost: string): Uint8Array {
  if (secret === undefined && !isLoopback(listenHost)) {
    throw new MendlogError(
      'BAD_CONFIG',
      `listening on ${listenHost} needs a cluster secret (createNode: secret; mendlog: --secret-file or MENDLOG_CLUSTER_SECRET): ` +
        'the development key is for loopback only',
    );
  }
  const bytes = new TextEncoder().encode(secret ?? DEVELOPMENT_SECRET);
  if (bytes.length < SECRET_BYTES_MIN) {
    throw new MendlogError(
      'BAD_CONFIG',
      `the cluster secret has ${bytes.length} bytes, and at least ${SECRET_BYTES_MIN} are needed`,
    );
  }
  return bytes;
}

/** What a peer shows in place of the secret itself. */
export function peerToken(kernel: DigestKernel, secret: Uint8Array): string {
  return Buffer.from(kernel.deriveKey(TOKEN_CONTEXT, secret)).toString('hex');
}

/** Whether an Authorization header carries the token; takes the same time wherever they differ. */
export function carriesToken(authorization: string | undefined, token: string): boolean {
  const expected = Buffer.from(`Bearer ${token}`);
  const shown = Buffer.from(authorization ?? '');
  return shown.length === expected.length && timingSafeEqual(shown, expected);
}
