/** Compares this replica's Merkle tree of a partition with a peer's, and finds where they differ. */
import { MendlogError } from '@mendlog/core';
import { runSession, type SessionPeers } from '../anti-entropy/run-session.js';
import type { MerkleComparison, TreeView } from '../api/service.js';
import type { MerkleTrees } from './merkle-trees.js';

/** The root of this replica's tree; a partition that is not here is an empty one. */
export function treeView(
  trees: MerkleTrees,
  sides: Pick<SessionPeers, 'store'>,
  partition: string,
  reach: number,
): TreeView {
  const summary = sides.store.summary(partition);
  const { rootHash } = trees.build(partition, reach);
  return {
    rootHash: Buffer.from(rootHash).toString('hex'),
    head: summary?.head ?? 0,
    known: (summary?.records ?? 0) > 0,
  };
}

export async function compareWithPeer(
  trees: MerkleTrees,
  sides: SessionPeers & { readonly exists: (partition: string) => boolean },
  partition: string,
): Promise<MerkleComparison> {
  const startedMs = performance.now();
  const ownHead = sides.store.summary(partition)?.head ?? 0;
  const there = await sides.peer.call.peer.tree.query({ partition, reach: ownHead });
  // Both trees reach the higher of the two heads, else their leaves would cover different counters.
  const here = treeView(trees, sides, partition, there.head);
  if (!here.known && !there.known && !sides.exists(partition))
    throw new MendlogError('NOT_FOUND', `neither node has a partition ${partition}`);
  const report = await runSession(sides, partition, { preview: true });
  return {
    partitionId: partition,
    consistent: here.rootHash === there.rootHash,
    root1: here.rootHash,
    root2: there.rootHash,
    differences: report.differences.map(({ from, to }) => ({ from, to })),
    missingOnNode1: report.missingHere,
    missingOnNode2: report.missingThere,
    bytesExchanged: here.rootHash.length + report.bytesSent + report.bytesReceived,
    durationMs: Math.round((performance.now() - startedMs) * 1000) / 1000,
  };
}
