/** What a node answers: coordinates what it leads, forwards the rest, and reports on itself and its peers. */
import {
  type ConsistencyLevel,
  type DigestKernel,
  encodePacked,
  MendlogError,
  majorityOf,
  ORIGIN_HIGHEST,
  ORIGIN_LOWEST,
  type PackedGroup,
  type RecordId,
  type Store,
  TAG_BYTES,
  toMendlogError,
  type VersionRange,
} from '@mendlog/core';
import { partitionKey } from '@mendlog/merkle';
import type { AntiEntropy } from './anti-entropy/anti-entropy.js';
import type { AppendOutcome, Health, Service, Summary } from './api/service.js';
import type { ReadCoordinator } from './coordinator/read-coordinator.js';
import type { WriteCoordinator } from './coordinator/write-coordinator.js';
import type { HintKeeper } from './hints/hint-keeper.js';
import type { Peers } from './membership/peers.js';
import type { Placement } from './membership/placement.js';

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
}

/** Records with one counter: as many as coordinators that issued it at the same time. */
const SAME_COUNTER_MAX = 64;
const TOTALS_TIMEOUT_MS = 1000;

export function createNodeService(options: NodeServiceOptions): Service {
  const { store, peers, placement, writes, reads, hints, antiEntropy } = options;

  /** The first live primary, this node included. */
  const coordinatorOf = (partition: string): string => {
    const primaries = placement.primaries(partition);
    const coordinator = primaries.find((nodeId) => peers.isAlive(nodeId));
    if (coordinator !== undefined) return coordinator;
    throw new MendlogError('UNAVAILABLE', `no replica of ${partition} can be reached: nothing was written`, {
      details: { missing: primaries },
    });
  };

  const forward = async (
    nodeId: string,
    groups: PackedGroup[],
    consistency: ConsistencyLevel,
  ): Promise<AppendOutcome[]> => {
    try {
      const packed = encodePacked(groups);
      const { outcomes } = await peers.connectionTo(nodeId).call.peer.append.mutate({ packed, consistency });
      return outcomes;
    } catch (thrown) {
      const error = toMendlogError(thrown).toShape();
      return groups.map(() => ({ ok: false, error }));
    }
  };

  return {
    defaultConsistency: 'QUORUM',

    async append(groups, level) {
      const outcomes: (Promise<AppendOutcome> | undefined)[] = groups.map(() => undefined);
      const forwarded = new Map<string, number[]>();
      for (const [i, group] of groups.entries()) {
        try {
          const coordinator = coordinatorOf(group.partition);
          if (coordinator === peers.self) outcomes[i] = writes.submit(group, level);
          else forwarded.set(coordinator, [...(forwarded.get(coordinator) ?? []), i]);
        } catch (thrown) {
          outcomes[i] = Promise.resolve({ ok: false, error: toMendlogError(thrown).toShape() });
        }
      }
      for (const [nodeId, indexes] of forwarded) {
        const sent = forward(
          nodeId,
          indexes.flatMap((i) => groups[i] ?? []),
          level,
        );
        for (const [position, i] of indexes.entries()) {
          outcomes[i] = sent.then((answers) => answers[position] ?? { ok: false, error: missingOutcome });
        }
      }
      return await Promise.all(
        outcomes.map((outcome) => outcome ?? { ok: false as const, error: missingOutcome }),
      );
    },

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

    async health() {
      const nodes = await Promise.all(
        peers.nodeIds.map(async (id): Promise<Health['nodes'][number]> => {
          const url = peers.urlOf(id);
          if (!peers.isAlive(id)) return { id, url, status: 'DOWN' };
          return { id, url, status: 'UP', ...(await totalsOf(peers, store, id)) };
        }),
      );
      const dead = nodes.filter(({ status }) => status === 'DOWN').length;
      const quorumEverywhere = dead <= placement.replicationFactor - majorityOf(placement.replicationFactor);
      return { status: dead === 0 ? 'UP' : quorumEverywhere ? 'DEGRADED' : 'DOWN', nodes };
    },

    summary: async () => [summaryOf(options)],
    hintStats: async () => hints.stats(),
    dropHints: (target, fraction) => hints.drop(target, fraction),
    jobs: async (query) => antiEntropy.list(query),
    trigger: (request) => antiEntropy.trigger(request),
    preview: (partition) => antiEntropy.preview(partition),
  };
}

const missingOutcome = { code: 'INTERNAL', message: 'a group of the append has no outcome' } as const;

function rangeOfId(id: RecordId): VersionRange {
  const { counter, origin } = id;
  return {
    from: { counter, origin: origin ?? ORIGIN_LOWEST },
    to: { counter, origin: origin ?? ORIGIN_HIGHEST },
    limit: SAME_COUNTER_MAX,
  };
}

export function storeTotals(store: Store): { partitions: number; records: number } {
  const partitions = store.partitions();
  return {
    partitions: partitions.length,
    records: partitions.reduce((sum, { records }) => sum + records, 0),
  };
}

/** A peer that is alive and does not answer in time keeps its status; its totals are left out. */
async function totalsOf(
  peers: Peers,
  store: Store,
  nodeId: string,
): Promise<{ partitions?: number; records?: number }> {
  if (nodeId === peers.self) return storeTotals(store);
  try {
    return await peers
      .connectionTo(nodeId)
      .call.peer.totals.query(undefined, { context: { timeoutMs: TOTALS_TIMEOUT_MS } });
  } catch {
    return {};
  }
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
