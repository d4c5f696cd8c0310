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
import { readGroup } from '../anti-entropy/run-session.js';
import type { AppendOutcome, PeerService } from '../api/service.js';
import type { WriteCoordinator } from '../coordinator/write-coordinator.js';
import { storeTotals } from '../node-service.js';

export interface ReplicaOptions {
  readonly nodeId: string;
  readonly store: Store;
  readonly writes: WriteCoordinator;
}

export function createReplica({ nodeId, store, writes }: ReplicaOptions): PeerService {
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
    root: (partition) => store.summary(partition)?.root ?? new Uint8Array(ROW_BYTES),
  };
}
