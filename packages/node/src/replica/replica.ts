/** What this node does for its peers: the procedures of the `peer` router over the local store. */
import type {
  ConsistencyLevel,
  IndexRange,
  Listing,
  PackedGroup,
  Store,
  Version,
  VersionRange,
} from '@mendlog/core';
import { ROW_BYTES } from '@mendlog/core';
import type { AntiEntropy } from '../anti-entropy/anti-entropy.js';
import { readGroup } from '../anti-entropy/run-session.js';
import type { AppendOutcome, PeerService } from '../api/service.js';
import type { WriteCoordinator } from '../coordinator/write-coordinator.js';
import { treeView } from '../merkle/compare.js';
import type { MerkleService } from '../merkle/merkle-service.js';
import type { MerkleTrees } from '../merkle/merkle-trees.js';
import { storeTotals } from '../node-service.js';

export interface ReplicaOptions {
  readonly nodeId: string;
  readonly store: Store;
  readonly writes: WriteCoordinator;
  readonly trees: MerkleTrees;
  readonly merkle: MerkleService;
  readonly antiEntropy: AntiEntropy;
}

export function createReplica({
  nodeId,
  store,
  writes,
  trees,
  merkle,
  antiEntropy,
}: ReplicaOptions): PeerService {
  return {
    heartbeat: () => ({ node: nodeId, storeId: store.storeId }),
    totals: () => storeTotals(store),
    heads: (partitions) => partitions.map((partition) => writes.head(partition)),
    coordinate: (groups: readonly PackedGroup[], level: ConsistencyLevel): Promise<AppendOutcome[]> =>
      Promise.all(groups.map((group) => writes.submit(group, level))),
    apply: (groups) => store.apply(groups, []),
    list: (ranges: readonly { partition: string; range: VersionRange }[]): Listing[] =>
      ranges.map(({ partition, range }) => store.list(partition, range)),
    fetch: (partition: string, versions: readonly Version[]) => readGroup(store, partition, versions),
    rows: (partition: string, level: number, ranges: readonly IndexRange[]) =>
      store.rows(partition, level, ranges),
    roots: () => store.partitions().map(({ partition, root }) => ({ partition, root })),
    tree: (partition, reach) => treeView(trees, { store }, partition, reach),
    compare: (partition, other) => merkle.compare(partition, other),
    repair: (partition, reason, { nodes, priority }) =>
      antiEntropy.queue(partition, reason, { nodes, priority }),
    root: (partition) => store.summary(partition)?.root ?? new Uint8Array(ROW_BYTES),
  };
}
