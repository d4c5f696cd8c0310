/**
 * What a gateway answers: records from a replica of their partition, everything else merged from all
 * live nodes. It decides nothing about replication: the node it asks coordinates.
 */
import { decodePacked, encodePacked, formatVersion, itemsOf, MendlogError } from '@mendlog/core';
import { jobCursor } from '../anti-entropy/job-json.js';
import type { HintStats, Jobs, Service } from '../api/service.js';
import { routeAppends } from '../coordinator/route-appends.js';
import { healthOf } from '../membership/health.js';
import type { PeerConnection, Peers } from '../membership/peers.js';
import type { Placement } from '../membership/placement.js';

export function createGatewayService(peers: Peers, placement: Placement): Service {
  const coordinatorOf = (partition: string): string => {
    const primaries = placement.primaries(partition);
    const coordinator = primaries.find((nodeId) => peers.isAlive(nodeId));
    if (coordinator !== undefined) return coordinator;
    throw new MendlogError('UNAVAILABLE', `no replica of ${partition} can be reached`, {
      details: { missing: primaries },
    });
  };
  const replicaOf = (partition: string): PeerConnection['call'] =>
    peers.connectionTo(coordinatorOf(partition)).call;

  /** Every live node's answer; UNAVAILABLE where there is none. */
  const askAll = async <Answer>(
    ask: (call: PeerConnection['call']) => Promise<Answer>,
  ): Promise<Answer[]> => {
    const alive = peers.nodeIds.filter((nodeId) => peers.isAlive(nodeId));
    if (alive.length === 0) {
      throw new MendlogError('UNAVAILABLE', 'no node can be reached', {
        details: { missing: peers.nodeIds },
      });
    }
    return await Promise.all(alive.map((nodeId) => ask(peers.connectionTo(nodeId).call)));
  };

  return {
    defaultConsistency: 'QUORUM',

    append: (groups, consistency) =>
      routeAppends(groups, {
        coordinatorOf,
        async send(nodeId, part) {
          const input = { packed: encodePacked(part), consistency };
          return (await peers.connectionTo(nodeId).call.batches.append.mutate(input)).outcomes;
        },
      }),

    async read(partition, ids, consistency) {
      const texts = ids.map(({ counter, origin }) =>
        origin === undefined ? String(counter) : formatVersion({ counter, origin }),
      );
      const { records } = await replicaOf(partition).batches.read.query({
        partition,
        ids: texts,
        consistency,
      });
      return records.map((record) => ({ ...record, truncated: false }));
    },

    async scan(partition, range, consistency) {
      const page = await replicaOf(partition).batches.scan.query({ partition, range, consistency });
      const frames = decodePacked(page.packed).flatMap((group) => [...itemsOf(group)]);
      return { frames, truncated: page.truncated, repaired: page.repaired };
    },

    async layout() {
      return {
        replicationFactor: placement.replicationFactor,
        nodes: peers.nodeIds.map((id) => ({ id, url: peers.urlOf(id) })),
      };
    },

    health: () => healthOf(peers, placement),
    summary: async () => (await askAll((call) => call.cluster.summary.query())).flat(),
    hintStats: async () => (await askAll((call) => call.hints.stats.query())).reduce(addHintStats),

    async dropHints(target, fraction) {
      const input = { ...(target === undefined ? {} : { target }), fraction };
      const answers = await askAll((call) => call.hints.drop.mutate(input));
      return answers.reduce((sum, { dropped }) => sum + dropped, 0);
    },

    async jobs(query) {
      const pages = await askAll((call) => call.antiEntropy.jobs.query(query));
      return mergeJobs(pages, query.limit);
    },

    async trigger(request) {
      return (await askAll((call) => call.antiEntropy.trigger.mutate(request))).flatMap(
        ({ jobIds }) => jobIds,
      );
    },

    async preview(partition) {
      const input = partition === undefined ? {} : { partitionId: partition };
      return {
        pairs: (await askAll((call) => call.antiEntropy.preview.query(input))).flatMap(({ pairs }) => pairs),
      };
    },
  };
}

function addHintStats(a: HintStats, b: HintStats): HintStats {
  const byTarget = { ...a.byTarget };
  for (const [target, count] of Object.entries(b.byTarget))
    byTarget[target] = (byTarget[target] ?? 0) + count;
  return {
    pending: a.pending + b.pending,
    byTarget,
    stored: a.stored + b.stored,
    replayed: a.replayed + b.replayed,
    expired: a.expired + b.expired,
    dropped: a.dropped + b.dropped,
    failed: a.failed + b.failed,
    oldestAgeMs:
      a.oldestAgeMs === null || b.oldestAgeMs === null
        ? (a.oldestAgeMs ?? b.oldestAgeMs)
        : Math.max(a.oldestAgeMs, b.oldestAgeMs),
  };
}

/** Newest first; the cursor is an order of creation, so the nodes' pages merge. */
function mergeJobs(pages: readonly Jobs[], limit: number): Jobs {
  const all = pages.flatMap(({ jobs }) => jobs).sort((a, b) => (jobCursor(a) < jobCursor(b) ? 1 : -1));
  const jobs = all.slice(0, limit);
  const more = all.length > limit || pages.some(({ next }) => next !== undefined);
  const last = jobs.at(-1);
  return { jobs, ...(more && last !== undefined ? { next: jobCursor(last) } : {}) };
}
