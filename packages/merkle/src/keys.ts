/**
 * The keys of a partition, derived from the cluster secret.
 *
 *   material = length of secret (u32, little-endian) | secret | name of partition (UTF-8)
 *   key      = BLAKE3 derive_key(context, material)
 *
 * The length keeps a longer secret from passing for a shorter one with a longer
 * name. A context string is a constant of the format: it binds a key to one
 * use, so tags and tree nodes never share one. A change of what is hashed takes
 * a new context, and with it all digests anew.
 */

import type { DigestKernel } from '@mendlog/core';

/** For the tags of records. */
export const TAG_KEY_CONTEXT = 'mendlog 2026-11 record tag v1';

/** For the nodes of the Merkle tree view. */
export const TREE_KEY_CONTEXT = 'mendlog 2026-11 merkle tree v1';

/** The 32-byte key of a partition's tags. An empty secret is a `TypeError`. */
export function partitionKey(kernel: DigestKernel, secret: Uint8Array, partition: string): Uint8Array {
  return kernel.deriveKey(TAG_KEY_CONTEXT, keyMaterial(secret, partition));
}

/** The 32-byte key of a partition's Merkle tree view. An empty secret is a `TypeError`. */
export function partitionTreeKey(kernel: DigestKernel, secret: Uint8Array, partition: string): Uint8Array {
  return kernel.deriveKey(TREE_KEY_CONTEXT, keyMaterial(secret, partition));
}

function keyMaterial(secret: Uint8Array, partition: string): Uint8Array {
  if (secret.length === 0) throw new TypeError('the cluster secret is empty: anyone could forge digests');
  const name = new TextEncoder().encode(partition);
  const material = new Uint8Array(4 + secret.length + name.length);
  new DataView(material.buffer).setUint32(0, secret.length, true);
  material.set(secret, 4);
  material.set(name, 4 + secret.length);
  return material;
}
