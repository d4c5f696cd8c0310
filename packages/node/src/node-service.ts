/** What a node answers: coordinates what it leads, forwards the rest, and reports on itself and its peers. */
import {
  type DigestKernel,
  encodePacked,
  MendlogError,
  ORIGIN_HIGHEST,
  ORIGIN_LOWEST,
  type PartitionSummary,
  type RecordId,
  type Store,
  TAG_BYTES,
  type VersionRange,
  type WriteLevel,
} from '@mendlog/core';
import { partitionKey } from '@mendlog/merkle';
import type { AntiEntropy } from './anti-entropy/anti-entropy.js';
import { forwardedFor, LOCAL_CALLER } from './api/request-caller.js';
import type { PartitionChange, PartitionDetails, Service, Summary } from './api/service.js';
import type { Catalog } from './catalog/catalog.js';
import type { PartitionChanges } from './catalog/partition-changes.js';
import { partitionTotals } from './catalog/partition-totals.js';
import type { NodeCoordinator } from './coordinator/node-coordinator.js';
import { KEYS_BYTES_MAX, unpackOutcomes } from './coordinator/packed-outcomes.js';
import type { PartitionSurvey } from './coordinator/partition-survey.js';
import type { RangeCoordinator } from './coordinator/range-coordinator.js';
import { routeWrites } from './coordinator/route-writes.js';
import { scanTime } from './coordinator/scan-time.js';
import type { HintKeeper } from './hints/hint-keeper.js';
import { answerOf } from './membership/answer-of.js';
import { healthOf, type Totals } from './membership/health.js';
import type { Peers } from './membership/peers.js';
import type { Placement } from './membership/placement.js';
import type { MerkleService } from './merkle/merkle-service.js';
import type { Metrics } from './metrics/metrics.js';
import { createTails } from './tail/tails.js';
import type { VoteKeeper } from './votes/vote-keeper.js';

export interface NodeServiceOptions {
  readonly store: Store;
  readonly kernel: DigestKernel;
  readonly secret: Uint8Array;
  readonly peers: Peers;
  readonly placement: Placement;
  readonly coordinator: NodeCoordinator;
  readonly ranges: RangeCoordinator;
  readonly survey: PartitionSurvey;
  readonly hints: HintKeeper;
  readonly antiEntropy: AntiEntropy;
  readonly merkle: MerkleService;
  readonly metrics: Metrics;
  readonly catalog: Catalog;
  readonly changes: PartitionChanges;
  readonly votes: VoteKeeper;
}

/** Records with one counter: as many as coordinators that issued it at the same time. */
const SAME_COUNTER_MAX = 64;

export function createNodeService(options: NodeServiceOptions): Service {
  const {
    store,
    peers,
    placement,
    catalog,
    changes,
    coordinator,
    ranges,
    survey,
    hints,
    antiEntropy,
    merkle,
    metrics,
    votes,
  } = options;

  /** Who coordinates a write: at ANY this node carries it, where no primary is alive. */
  const writerOf = (partition: string, level: WriteLevel | undefined): string =>
    level === 'ANY'
      ? (peers.firstAlive(placement.primaries(partition)) ?? peers.self)
      : coordinatorOf(partition);

  /** The first live primary, this node included. */
  const coordinatorOf = (partition: string): string => {
    const primaries = placement.primaries(partition);
    const coordinator = peers.firstAlive(primaries);
    if (coordinator !== undefined) return coordinator;
    throw new MendlogError('UNAVAILABLE', `no replica of ${partition} can be reached: nothing was written`, {
      details: { missing: primaries },
    });
  };

  /** Carried out by the node that coordinates the partition. */
  const change = async (asked: PartitionChange): Promise<PartitionDetails> => {
    const coordinator = coordinatorOf(asked.partition);
    if (coordinator === peers.self) return await changes.carryOut(asked);
    return await answerOf(peers.connectionTo(coordinator).call.peer.changePartition.mutate(asked));
  };

  return {
    write: (groups, options, caller = LOCAL_CALLER) =>
      routeWrites(groups, {
        coordinatorOf: (partition) => writerOf(partition, options.level),
        async send(nodeId, part) {
          if (nodeId === peers.self) return await coordinator.write(part, options, caller);
          const input = { packed: encodePacked(part), consistency: options.level, order: options.order };
          const { write } = peers.connectionTo(nodeId).call.peer;
          return unpackOutcomes(await write.mutate(input, forwardedFor(caller)));
        },
      }),

    readKeys: (questions, level, caller) =>
      coordinator.readKeys(questions, level, { caller, bytesMax: KEYS_BYTES_MAX }),

    async read(partition, ids, level, caller) {
      return await ranges.read(partition, ids.map(rangeOfId), level, caller);
    },

    async scan(partition, { time, ...range }, level, caller) {
      const isTimed = time?.fromMs !== undefined || time?.toMs !== undefined;
      const window = { fromMs: time?.fromMs ?? 0, toMs: time?.toMs ?? Number.MAX_SAFE_INTEGER };
      const [outcome] = isTimed
        ? [await scanTime({ ranges, survey }, partition, { range, window, level, caller })]
        : await ranges.read(partition, [range], level, caller);
      if (outcome === undefined) throw new MendlogError('INTERNAL', 'a scan had no outcome');
      return { ...outcome, isKnown: outcome.isKnown || catalog.exists(partition) };
    },

    ...createTails({ store, placement, self: peers.self }),

    async layout() {
      return {
        replicationFactor: placement.replicationFactor,
        nodes: peers.nodeIds.map((id) => ({ id, url: peers.urlOf(id) })),
      };
    },

    health: () =>
      healthOf(peers, placement, () => ({ ...storeTotals(store), withoutVote: votes.withoutVote() })),
    summary: async () => [summaryOf(options)],
    async partitions({ cursor = '', limit }) {
      const names = new Set(catalog.existing().map(({ partition }) => partition));
      for (const { partition } of heldPartitions(store)) names.add(partition);
      const left = [...names].filter((name) => name > cursor).sort();
      const page = left.slice(0, limit).map((partition) => partitionTotals(options, partition));
      const last = page.at(-1);
      return { partitions: page, ...(left.length > limit && last ? { next: last.partitionId } : {}) };
    },
    partition: async (partition) => {
      const coordinator = coordinatorOf(partition);
      if (coordinator === peers.self) return await changes.details(partition);
      return await answerOf(peers.connectionTo(coordinator).call.peer.partition.query({ partition }));
    },
    createPartition: async (partition, created) =>
      await change({ change: 'create', partition, options: created }),
    configurePartition: async (partition, configured) =>
      await change({ change: 'configure', partition, options: configured }),
    trimPartition: async (partition, to) => await change({ change: 'trim', partition, to }),
    dropPartition: async (partition) => await change({ change: 'drop', partition }),
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

/** Without those that are empty: of a dropped one the watermark is left, and not on every replica. */
function heldPartitions(store: Store): PartitionSummary[] {
  return store.partitions().filter(({ records }) => records > 0);
}

export function storeTotals(store: Store): Totals {
  const partitions = heldPartitions(store);
  return {
    partitions: partitions.length,
    records: partitions.reduce((sum, { records }) => sum + records, 0),
  };
}

/** Partitions by name; the root of the node is the keyed hash of all names and roots. */
function summaryOf({ store, peers, kernel, secret }: NodeServiceOptions): Summary {
  const partitions = heldPartitions(store)
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
