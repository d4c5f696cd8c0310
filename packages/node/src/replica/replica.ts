/** What this node does for its peers: the procedures of the `peer` router over the local store. */
import {
  answerItems,
  answerSymbols,
  type DigestKernel,
  digestsOf,
  framesOf,
  type IndexRange,
  type Listing,
  pagesOf,
  type Store,
  type VersionRange,
} from '@mendlog/core';
import type { AntiEntropy } from '../anti-entropy/anti-entropy.js';
import { inPieces } from '../anti-entropy/in-pieces.js';
import { purgeDigest } from '../anti-entropy/purge-digest.js';
import { sideSummary } from '../anti-entropy/run-session.js';
import type { PeerService } from '../api/service.js';
import type { Catalog } from '../catalog/catalog.js';
import type { PartitionChanges } from '../catalog/partition-changes.js';
import { lookUpKeys } from '../coordinator/key-lookup.js';
import type { NodeCoordinator } from '../coordinator/node-coordinator.js';
import { timeRangesOf } from '../coordinator/time-ranges.js';
import type { Peers } from '../membership/peers.js';
import { treeView } from '../merkle/compare.js';
import type { MerkleService } from '../merkle/merkle-service.js';
import type { MerkleTrees } from '../merkle/merkle-trees.js';
import { storeTotals } from '../node-service.js';
import type { VoteKeeper } from '../votes/vote-keeper.js';

export interface ReplicaOptions {
  readonly nodeId: string;
  readonly store: Store;
  readonly kernel: DigestKernel;
  readonly peers: Peers;
  readonly catalog: Catalog;
  readonly changes: PartitionChanges;
  readonly coordinator: NodeCoordinator;
  readonly trees: MerkleTrees;
  readonly merkle: MerkleService;
  readonly antiEntropy: AntiEntropy;
  readonly votes: VoteKeeper;
}

export function createReplica({
  nodeId,
  store,
  kernel,
  peers,
  catalog,
  changes,
  coordinator,
  trees,
  merkle,
  antiEntropy,
  votes,
}: ReplicaOptions): PeerService {
  return {
    heartbeat(from, greeting) {
      if (from !== undefined) peers.heardFrom(from);
      const welcome =
        greeting === undefined
          ? { ...votes.greeting, knows: 'another' as const }
          : votes.greeted(greeting.node, greeting);
      return { node: nodeId, catalog: catalog.digest, ...welcome };
    },
    totals: () => ({ ...storeTotals(store), withoutVote: votes.withoutVote() }),
    heads: (partitions) => coordinator.tellHeads(partitions),
    coordinate: (groups, options, caller) => coordinator.write(groups, options, caller),
    keys: (groups, withRecords) =>
      lookUpKeys({ store, votes: (partition) => votes.votesHere(partition) }, groups, withRecords),
    apply: (groups, source) => store.apply(groups, [], source),
    propose: async (groups) => (coordinator.accepts(groups) ? await store.apply(groups, []) : undefined),
    trim: (partition, counter) => store.trim(partition, counter),
    fence: (partition, counter, purgedTo) => store.fence(partition, counter, purgedTo),
    purge: (partition, counter) => store.purge(partition, counter),
    purgeDigest: (partition, upTo) => purgeDigest(store, kernel, { partition, upTo }),
    list: (ranges: readonly { partition: string; range: VersionRange }[], asVote): Listing[] =>
      ranges.map(({ partition, range }) => {
        if (asVote) votes.expectVote(partition);
        return store.list(partition, range);
      }),
    pages(partition, ranges) {
      votes.expectVote(partition);
      return pagesOf(store, kernel, { partition, ranges });
    },
    digests(partition, ranges) {
      votes.expectVote(partition);
      return digestsOf(store, kernel, { partition, ranges });
    },
    frames: (partition, versions) => framesOf(store, partition, versions),
    timeRanges(partition, time, range) {
      votes.expectVote(partition);
      return timeRangesOf(store, partition, { time, ...range });
    },
    items: (partition, items) => answerItems(store, partition, items),
    symbols: (question, caller) => inPieces(answerSymbols(store, kernel, question), caller),
    rows: (partition: string, level: number, ranges: readonly IndexRange[]) =>
      store.rows(partition, level, ranges),
    roots: (after, limit) =>
      store
        .partitions()
        .filter(({ partition }) => partition > after)
        .sort((a, b) => (a.partition < b.partition ? -1 : 1))
        .slice(0, limit)
        .map(({ partition, root, trimmedTo, purgedTo }) => ({ partition, root, trimmedTo, purgedTo })),
    tree: (partition, reach) => treeView(trees, { store }, partition, reach),
    compare: (partition, other) => merkle.compare(partition, other),
    repair: (partition, reason, { nodes, priority }) =>
      antiEntropy.queue(partition, reason, { nodes, priority }),
    root: (partition) => sideSummary(store, partition),
    catalog: (after, limit) => catalog.page(after, limit),
    mergeCatalog: (entries) => catalog.merge(entries),
    partition: (partition) => changes.details(partition),
    changePartition: (change) => changes.carryOut(change),
  };
}
