/** What a command asks of the gateway, over REST as any user would, with waiting until a state is there. */
import { MendlogError } from '@mendlog/core';
import type { Health, HintStats, Jobs, Partitions, Preview, Summary } from '@mendlog/node';

type Job = Jobs['jobs'][number];

const POLL_MS = 50;
const WAIT_MAX_MS = 60_000;

export class GatewayApi {
  readonly #url: string;
  readonly #signal: AbortSignal;
  /** Jobs of earlier runs on the same data are none of this one's. */
  readonly #since = new Date().toISOString();

  constructor(url: string, signal: AbortSignal) {
    this.#url = url;
    this.#signal = signal;
  }

  async waitForHealth(status: Health['status']): Promise<void> {
    await this.#until(`the cluster to be ${status}`, async () => {
      const health = await this.#ask<Health>('GET', '/api/health');
      // A node may still be finding its peers when the gateway has found them all.
      const views = await Promise.all(
        health.nodes
          .filter((node) => node.status === 'UP')
          .map((node) => ask<Health>('GET', `${node.url}/api/health`, this.#signal).catch(() => undefined)),
      );
      return [health, ...views].every((view) => view?.status === status);
    });
  }

  /** Hints are written behind the answers to the last writes: waits until their number stands. */
  async waitForStableHints(): Promise<number> {
    let before = -1;
    return await this.#until('the hints to be counted', async () => {
      const { pending } = await this.hintStats();
      const stable = pending === before;
      before = pending;
      return stable ? pending : undefined;
    });
  }

  async waitUntilHintsAreReplayed(onProgress: (left: number) => void): Promise<HintStats> {
    return await this.#until('the hints to be replayed', async () => {
      const stats = await this.hintStats();
      onProgress(stats.pending);
      return stats.pending === 0 ? stats : undefined;
    });
  }

  async hintStats(): Promise<HintStats> {
    return await this.#ask<HintStats>('GET', '/api/hints/stats');
  }

  async dropHints(target: string, fraction: number): Promise<number> {
    return (await this.#ask<{ dropped: number }>('POST', '/api/hints/drop', { target, fraction })).dropped;
  }

  /** Records that one node lacks and another holds, without moving any. */
  async missingOn(nodeId: string): Promise<number> {
    return [...(await this.missingByPartition(nodeId)).values()].reduce((sum, missing) => sum + missing, 0);
  }

  /** Per partition, the most records that any peer holds more than this node. */
  async missingByPartition(nodeId: string): Promise<Map<string, number>> {
    const { pairs } = await this.#ask<Preview>('GET', '/api/coordinator/preview');
    const worst = new Map<string, number>();
    for (const pair of pairs) {
      if (pair.peer === nodeId)
        worst.set(pair.partitionId, Math.max(worst.get(pair.partitionId) ?? 0, pair.missingOnPeer));
    }
    return worst;
  }

  /** Partitions that are there already. */
  async partitionNames(): Promise<ReadonlySet<string>> {
    const { partitions } = await this.#ask<Partitions>('GET', '/api/partitions?limit=1000');
    return new Set(partitions.map(({ partitionId }) => partitionId));
  }

  /** Jobs wait on all nodes that are alive now. */
  async pauseAntiEntropy(): Promise<void> {
    await this.#ask('POST', '/api/coordinator/pause', {});
  }

  /** Lets jobs run again, triggers one for each partition, and waits until every job is done. */
  async reconcile(onProgress: (left: number) => void): Promise<Job[]> {
    await this.#ask('POST', '/api/coordinator/resume', {});
    const { jobIds } = await this.#ask<{ jobIds: string[] }>('POST', '/api/coordinator/trigger', {});
    return await this.#until('the jobs to end', async () => {
      const { jobs } = await this.#ask<Jobs>('GET', '/api/coordinator/jobs?limit=1000');
      const own = jobs.filter((job) => job.createdAt >= this.#since);
      const ended = own.filter((job) => job.finishedAt !== null);
      onProgress(own.length - ended.length);
      const failed = ended.find((job) => job.status !== 'COMPLETED');
      if (failed !== undefined)
        throw new MendlogError('INTERNAL', `job ${failed.id} ended as ${failed.status}: ${failed.error}`);
      return ended.length === own.length && ended.length >= jobIds.length ? ended : undefined;
    });
  }

  /** Whether reading the record at ALL has brought it to a replica that lacked it. */
  async readRepairs(partition: string, version: string): Promise<boolean> {
    const path = `/api/read/${partition}/${version}?consistency=ALL`;
    return (await this.#ask<{ repaired: boolean }>('GET', path)).repaired;
  }

  async roots(): Promise<Record<string, string>> {
    const summaries = await this.#ask<Summary[]>('GET', '/api/cluster/summary');
    return Object.fromEntries(summaries.map(({ node, root }) => [node, root]));
  }

  async #ask<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
    return await ask<Answer>(method, `${this.#url}${path}`, this.#signal, body);
  }

  /** Polls until there is a result other than undefined and false. */
  async #until<Result>(what: string, poll: () => Promise<Result | undefined | false>): Promise<Result> {
    const deadlineMs = performance.now() + WAIT_MAX_MS;
    while (performance.now() < deadlineMs) {
      this.#signal.throwIfAborted();
      const result = await poll();
      if (result !== undefined && result !== false) return result;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    throw new MendlogError('INTERNAL', `waited in vain for ${what}`);
  }
}

async function ask<Answer>(
  method: string,
  url: string,
  signal: AbortSignal,
  body?: unknown,
): Promise<Answer> {
  const response = await fetch(url, {
    method,
    signal,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }).catch((cause: unknown) => {
    throw new MendlogError('UNREACHABLE', `${url} does not answer`, { cause });
  });
  const answer = JSON.parse(await response.text());
  // A cluster that is DOWN answers its health with 503, and that is an answer.
  if (response.ok || 'nodes' in answer) return answer;
  throw new MendlogError('INTERNAL', `${method} ${url} answered ${response.status}: ${answer.detail}`);
}
