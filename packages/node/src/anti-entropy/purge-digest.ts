/** What a replica tells of itself to whoever purges the tombstones of a partition. */
import { type DigestKernel, type PurgeDigest, prefixDigest, type Store } from '@mendlog/core';

/** Without `upTo` the watermarks alone. */
export function purgeDigest(
  store: Store,
  kernel: DigestKernel,
  { partition, upTo }: { readonly partition: string; readonly upTo: number | undefined },
): PurgeDigest {
  const { fencedTo = 0, purgedTo = 0 } = store.summary(partition) ?? {};
  const digest = upTo === undefined ? undefined : prefixDigest(store, kernel, { partition, upTo });
  return { fencedTo, purgedTo, digest };
}
