/** Has a replica, perhaps this node, store records that it was found to lack: the read repair of keys and of ranges. */
import { encodePacked, type PackedGroup, type Store } from '@mendlog/core';
import type { Peers } from '../membership/peers.js';

interface Givers {
  readonly store: Store;
  readonly peers: Pick<Peers, 'self' | 'connectionTo'>;
}

/** Rejects with what the replica says, or with CONNECTION_LOST. */
export async function giveRecords(
  { store, peers }: Givers,
  { node, groups }: { readonly node: string; readonly groups: readonly PackedGroup[] },
  how: { readonly signal?: AbortSignal; readonly context: { readonly timeoutMs: number } },
): Promise<void> {
  if (node === peers.self) {
    await store.apply(groups, [], 'repair');
    return;
  }
  const { store: storeThere } = peers.connectionTo(node).call.peer;
  await storeThere.mutate({ packed: encodePacked(groups), source: 'repair' }, how);
}
