/**
 * What a gateway answers: records from a replica of their partition, everything else merged from all
 * live nodes. It decides nothing about replication: the node it asks coordinates.
 */
import {
  decodePacked,
  encodePacked,
  formatVersion,
  itemsOf,
  MendlogError,
  toMendlogError,
} from '@mendlog/core';
import { jobCursor } from '../anti-entropy/job-json.js';
import { forwardedFor, LOCAL_CALLER } from '../api/request-caller.js';
import type { HintStats, HintsPage, Jobs, Partitions, Service } from '../api/service.js';
import { unpackKeyOutcomes, unpackOutcomes } from '../coordinator/packed-outcomes.js';
import { readKeysByNode } from '../coordinator/route-key-reads.js';
import { routeWrites } from '../coordinator/route-writes.js';
import { healthOf } from '../membership/health.js';
import { nodeIdOf } from '../membership/node-url.js';
import type { PeerConnection, Peers } from '../membership/peers.js';
import type { Placement } from '../membership/placement.js';
import { mergeMetricsTexts } from '../metrics/merge-text.js';
import { notReplica } from '../tail/tails.js';

export function createGatewayService(peers: Peers, placement: Placement): Service {
  const coordinatorOf = (partition: string): string => {
    // Any node will do, since each knows the partition's own replicas; one of the usual ones saves a hop.
    const primaries = placement.primaries(partition);
    const coordinator = peers.firstAlive([...primaries, ...peers.nodeIds]);
    if (coordinator !== undefined) return coordinator;
    throw new MendlogError('UNAVAILABLE', 'no node can be reached', { details: { missing: peers.nodeIds } });
  };
  const replicaOf = (partition: string): PeerConnection['call'] =>
    peers.connectionTo(coordinatorOf(partition)).call;

  /**
   * The answers of all live nodes, in the order of the nodes, and who could not be asked: a node that dies on the way is one of
   * them. UNAVAILABLE where nobody answers.
   */
  const askAll = async <Answer>(
    ask: (call: PeerConnection['call']) => Promise<Answer>,
  ): Promise<Answers<Answer>> => {
    const unreachable: string[] = [];
    const answered = await Promise.all(
      peers.nodeIds.map(async (nodeId) => {
        try {
          return [await ask(peers.connectionTo(nodeId).call)];
        } catch (thrown) {
          unlessUnreachable(thrown);
          unreachable.push(nodeId);
          return [];
        }
      }),
    );
    const answers = answered.flat();
    if (answers.length > 0)
      return { answers, ...(unreachable.length > 0 ? { unreachable: unreachable.sort() } : {}) };
    throw new MendlogError('UNAVAILABLE', 'no node can be reached', { details: { missing: peers.nodeIds } });
  };

  return {
    write: (groups, options, caller = LOCAL_CALLER) =>
      routeWrites(groups, {
        coordinatorOf,
        async send(nodeId, part) {
          const input = { packed: encodePacked(part), consistency: options.level, order: options.order };
          const { write } = peers.connectionTo(nodeId).call.batches;
          return unpackOutcomes(await write.mutate(input, forwardedFor(caller)));
        },
      }),

    readKeys: (questions, consistency, caller = LOCAL_CALLER) =>
      readKeysByNode(questions, {
        nodeOf: coordinatorOf,
        async ask(nodeId, groups) {
          const input = { packed: encodePacked(groups), consistency };
          const { get } = peers.connectionTo(nodeId).call.batches;
          return unpackKeyOutcomes(await get.query(input, forwardedFor(caller)));
        },
      }),

    async read(partition, ids, consistency, caller = LOCAL_CALLER) {
      const texts = ids.map(({ counter, origin }) =>
        origin === undefined ? String(counter) : formatVersion({ counter, origin }),
      );
      const input = { partition, ids: texts, consistency };
      const { records } = await replicaOf(partition).batches.read.query(input, forwardedFor(caller));
      return records.map((record) => ({ ...record, isKnown: true }));
    },

    async scan(partition, { time, ...range }, consistency, caller = LOCAL_CALLER) {
      const input = { partition, range, time, consistency };
      const { packed, ...page } = await replicaOf(partition).batches.scan.query(input, forwardedFor(caller));
      return { ...page, frames: decodePacked(packed).flatMap((group) => [...itemsOf(group)]) };
    },

    tail({ partition }) {
      throw notReplica('a gateway', partition, placement.primaries(partition));
    },
    tailEnd: async (partition) => {
      throw notReplica('a gateway', partition, placement.primaries(partition));
    },

    async layout() {
      return {
        replicationFactor: placement.replicationFactor,
        nodes: peers.nodeIds.map((id) => ({ id, url: peers.urlOf(id) })),
      };
    },

    health: () => healthOf(peers, placement),
    summary: async () =>
      (await askAll((call) => call.cluster.summary.query())).answers
        .flat()
        .sort((a, b) => (a.node < b.node ? -1 : 1)),

    async partitions(query) {
      const { answers, ...rest } = await askAll((call) => call.partitions.list.query(query));
      return { ...mergePartitions(answers, query.limit), ...rest };
    },

    partition: (partition) => replicaOf(partition).partitions.get.query({ partitionId: partition }),
    createPartition: (partition, options) =>
      replicaOf(partition).partitions.create.mutate({ partitionId: partition, ...options }),
    configurePartition: (partition, { consistency, retention }) =>
      replicaOf(partition).partitions.configure.mutate({ partitionId: partition, consistency, retention }),
    trimPartition: (partition, to) =>
      replicaOf(partition).partitions.trim.mutate({ partitionId: partition, to }),
    dropPartition: (partition) => replicaOf(partition).partitions.drop.mutate({ partitionId: partition }),

    async metrics() {
      const { answers, unreachable = [] } = await askAll((call) => call.cluster.metrics.query());
      return mergeMetricsTexts([...answers, reachability(peers.nodeIds, unreachable)]);
    },

    merkleBuild: (partition, nodeUrl) =>
      peers
        .connectionTo(nodeIdOf(peers, nodeUrl))
        .call.merkle.build.mutate({ partitionId: partition, nodeUrl: nodeIdOf(peers, nodeUrl) }),

    merkleCompare: (partition, node1Url, node2Url) => {
      const [first, second] = [nodeIdOf(peers, node1Url), nodeIdOf(peers, node2Url)];
      return peers
        .connectionTo(first)
        .call.merkle.compare.mutate({ partitionId: partition, node1Url: first, node2Url: second });
    },

    async merkleHealth() {
      const { answers, ...rest } = await askAll((call) => call.merkle.health.query());
      return {
        status: 'UP',
        nodes: answers.flatMap(({ nodes }) => nodes).sort((a, b) => (a.node < b.node ? -1 : 1)),
        ...rest,
      };
    },

    async hintStats() {
      const { answers, ...rest } = await askAll((call) => call.hints.stats.query());
      return { ...answers.reduce(addHintStats), ...rest };
    },

    /** Page by page, node after node: the cursor names the node whose page comes next. */
    async hintsPending({ limit, cursor }) {
      const [from, inner] = hintCursor(peers, cursor);
      const hints: HintsPage['hints'] = [];
      const unreachable: string[] = [];
      for (const nodeId of [...peers.nodeIds].sort()) {
        if (nodeId < from) continue;
        if (!peers.isAlive(nodeId)) {
          unreachable.push(nodeId);
          continue;
        }
        const query = {
          limit: limit - hints.length,
          ...(nodeId === from && inner !== '' ? { cursor: inner } : {}),
        };
        const page = await peers
          .connectionTo(nodeId)
          .call.hints.pending.query(query)
          .catch(unlessUnreachable);
        if (page === undefined) {
          unreachable.push(nodeId);
          continue;
        }
        hints.push(...page.hints);
        if (page.next !== undefined)
          return {
            hints,
            next: `${nodeId}/${page.next}`,
            ...(unreachable.length > 0 ? { unreachable } : {}),
          };
      }
      return { hints, ...(unreachable.length > 0 ? { unreachable } : {}) };
    },

    async dropHints(target, fraction) {
      const input = { ...(target === undefined ? {} : { target }), fraction };
      const { answers } = await askAll((call) => call.hints.drop.mutate(input));
      return answers.reduce((sum, { dropped }) => sum + dropped, 0);
    },

    async jobs(query) {
      const { answers, ...rest } = await askAll((call) => call.antiEntropy.jobs.query(query));
      return { ...mergeJobs(answers, query.limit), ...rest };
    },

    async trigger(request) {
      if (request.partitionId !== undefined) {
        return (await replicaOf(request.partitionId).antiEntropy.trigger.mutate(request)).jobIds;
      }
      return (await askAll((call) => call.antiEntropy.trigger.mutate(request))).answers.flatMap(
        ({ jobIds }) => jobIds,
      );
    },

    async preview(partition) {
      const input = partition === undefined ? {} : { partitionId: partition };
      return {
        pairs: (await askAll((call) => call.antiEntropy.preview.query(input))).answers.flatMap(
          ({ pairs }) => pairs,
        ),
      };
    },

    /** Only the node that executes a job knows it. */
    async cancel(jobId) {
      for (const nodeId of peers.nodeIds.filter((id) => peers.isAlive(id))) {
        try {
          await peers.connectionTo(nodeId).call.antiEntropy.cancel.mutate({ jobId });
          return;
        } catch (thrown) {
          const error = toMendlogError(thrown);
          if (error.code !== 'NOT_FOUND') throw error;
        }
      }
      throw new MendlogError('NOT_FOUND', `there is no job ${jobId}`);
    },

    async setPaused(paused) {
      await askAll((call) => (paused ? call.antiEntropy.pause.mutate() : call.antiEntropy.resume.mutate()));
    },
  };
}

/** Reads `node/cursor of that node`; node ids may hold slashes. Throws BAD_REQUEST. */
function hintCursor(peers: Peers, cursor: string | undefined): [from: string, inner: string] {
  if (cursor === undefined) return ['', ''];
  const from = peers.nodeIds.find((nodeId) => cursor.startsWith(`${nodeId}/`));
  if (from !== undefined) return [from, cursor.slice(from.length + 1)];
  throw new MendlogError('BAD_REQUEST', 'the cursor is not one that a page of hints ended with');
}

/** A node that dies on the way is one that cannot be asked; any other error is the caller's. */
function unlessUnreachable(thrown: unknown): undefined {
  const error = toMendlogError(thrown);
  if (error.code !== 'UNREACHABLE' && error.code !== 'CONNECTION_LOST') throw error;
}

/** Which nodes the other samples come from. */
function reachability(nodeIds: readonly string[], unreachable: readonly string[]): string {
  const samples = nodeIds.map(
    (node) => `mendlog_gateway_node_up{node="${node}"} ${unreachable.includes(node) ? 0 : 1}\n`,
  );
  const name = 'mendlog_gateway_node_up';
  return `# HELP ${name} 1 for each node whose metrics are here\n# TYPE ${name} gauge\n${samples.join('')}`;
}

interface Answers<Answer> {
  readonly answers: Answer[];
  readonly unreachable?: string[];
}

/**
 * Replicas that are behind hold fewer records: the most that any holds is the partition's. Each page is
 * complete up to its last name, so all of them together are up to the least of those.
 */
function mergePartitions(
  answers: readonly Partitions[],
  limit: number,
): Pick<Partitions, 'partitions' | 'next'> {
  const merged = new Map<string, Partitions['partitions'][number]>();
  for (const partition of answers.flatMap(({ partitions }) => partitions)) {
    const known = merged.get(partition.partitionId) ?? partition;
    merged.set(partition.partitionId, {
      ...partition,
      records: Math.max(partition.records, known.records),
      bytes: Math.max(partition.bytes, known.bytes),
      head: Math.max(partition.head, known.head),
      trimmedTo: Math.max(partition.trimmedTo, known.trimmedTo),
    });
  }
  const ends = answers.flatMap(({ next }) => next ?? []).sort();
  const all = [...merged.values()]
    .filter(({ partitionId }) => ends[0] === undefined || partitionId <= ends[0])
    .sort((a, b) => (a.partitionId < b.partitionId ? -1 : 1));
  const partitions = all.slice(0, limit);
  const last = partitions.at(-1);
  const more = ends.length > 0 || all.length > limit;
  return { partitions, ...(more && last !== undefined ? { next: last.partitionId } : {}) };
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
