/** What a node answers: coordinates what it leads, forwards the rest, and reports on itself and its peers. */
import {
  type ConsistencyLevel,
  type DigestKernel,
  encodePacked,
  MendlogError,
  ORIGIN_HIGHEST,
  ORIGIN_LOWEST,
  type RecordId,
  type Store,
  TAG_BYTES,
  type VersionRange,
} from '@mendlog/core';
import { partitionKey } from '@mendlog/merkle';
import type { AntiEntropy } from './anti-entropy/anti-entropy.js';
import type { Service, Summary } from './api/service.js';
import type { ReadCoordinator } from './coordinator/read-coordinator.js';
import { routeAppends } from './coordinator/route-appends.js';
import type { WriteCoordinator } from './coordinator/write-coordinator.js';
import type { HintKeeper } from './hints/hint-keeper.js';
import { healthOf, type Totals } from './membership/health.js';
import type { Peers } from './membership/peers.js';
import type { Placement } from './membership/placement.js';
import type { MerkleService } from './merkle/merkle-service.js';
import type { Metrics } from './metrics/metrics.js';

export interface NodeServiceOptions {
  readonly store: Store;
  readonly kernel: DigestKernel;
  readonly secret: Uint8Array;
  readonly peers: Peers;
  readonly placement: Placement;
  readonly writes: WriteCoordinator;
  readonly reads: ReadCoordinator;
  readonly hints: HintKeeper;
  readonly antiEntropy: AntiEntropy;
  readonly merkle: MerkleService;
  readonly metrics: Metrics;
  readonly defaultConsistency: ConsistencyLevel;
}

/** Records with one counter: as many as coordinators that issued it at the same time. */
const SAME_COUNTER_MAX = 64;

export function createNodeService(options: NodeServiceOptions): Service {
  const { store, peers, placement, writes, reads, hints, antiEntropy, merkle, metrics } = options;

  /** The first live primary, this node included. */
  const coordinatorOf = (partition: string): string => {
    const primaries = placement.primaries(partition);
    const coordinator = primaries.find((nodeId) => peers.isAlive(nodeId));
    if (coordinator !== undefined) return coordinator;
    throw new MendlogError('UNAVAILABLE', `no replica of ${partition} can be reached: nothing was written`, {
      details: { missing: primaries },
    });
  };

  return {
    defaultConsistency: options.defaultConsistency,

    append: (groups, consistency) =>
      routeAppends(groups, {
        coordinatorOf,
        async send(nodeId, part) {
          if (nodeId === peers.self)
            return await Promise.all(part.map((group) => writes.submit(group, consistency)));
          const input = { packed: encodePacked(part), consistency };
          return (await peers.connectionTo(nodeId).call.peer.append.mutate(input)).outcomes;
        },
      }),

    async read(partition, ids, level) {
      return await reads.read(partition, ids.map(rangeOfId), level);
    },

    async scan(partition, range, level) {
      const [outcome] = await reads.read(partition, [range], level);
      return outcome ?? { frames: [], truncated: false, repaired: false };
    },

    async layout() {
      return {
        replicationFactor: placement.replicationFactor,
        nodes: peers.nodeIds.map((id) => ({ id, url: peers.urlOf(id) })),
      };
    },

    health: () => healthOf(peers, placement, () => storeTotals(store)),
    summary: async () => [summaryOf(options)],
    partitions: async () => ({
      partitions: store
        .partitions()
        .map(({ partition, records, head }) => ({
          partitionId: partition,
          records,
          head,
          primaries: [...placement.primaries(partition)],
        }))
        .sort((a, b) => (a.partitionId < b.partitionId ? -1 : 1)),
    }),
    metrics: () => metrics.text(),
    merkleBuild: merkle.merkleBuild,
    merkleCompare: merkle.merkleCompare,
    merkleHealth: merkle.merkleHealth,
    hintStats: async () => hints.stats(),
    hintsPending: async (query) => hints.pending(query),
    dropHints: (target, fraction) => hints.drop(target, fraction),
    jobs: async (query) => antiEntropy.list(query),
    trigger: (request) => antiEntropy.trigger(request),
    preview: (partition) => antiEntropy.preview(partition),
    cancel: (jobId) => antiEntropy.cancel(jobId),
    setPaused: async (paused) => antiEntropy.setPaused(paused),
  };
}

function rangeOfId(id: RecordId): VersionRange {
  const { counter, origin } = id;
  return {
    from: { counter, origin: origin ?? ORIGIN_LOWEST },
    to: { counter, origin: origin ?? ORIGIN_HIGHEST },
    limit: SAME_COUNTER_MAX,
  };
}

export function storeTotals(store: Store): Totals {
  const partitions = store.partitions();
  return {
    partitions: partitions.length,
    records: partitions.reduce((sum, { records }) => sum + records, 0),
  };
}

/** Partitions by name; the root of the node is the keyed hash of all names and roots. */
function summaryOf({ store, peers, kernel, secret }: NodeServiceOptions): Summary {
  const partitions = store
    .partitions()
    .sort((a, b) => (a.partition < b.partition ? -1 : 1))
    .map(({ partition, records, head, root }) => ({
      partitionId: partition,
      records,
      head,
      root: Buffer.from(root).toString('hex'),
    }));
  const text = Buffer.from(partitions.map(({ partitionId, root }) => `${partitionId} ${root}\n`).join(''));
  const root = new Uint8Array(TAG_BYTES);
  kernel.tags(partitionKey(kernel, secret, ''), text, Uint32Array.of(text.length), root);
  return { node: peers.self, root: Buffer.from(root).toString('hex'), partitions };
}
