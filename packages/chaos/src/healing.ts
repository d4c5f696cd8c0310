/**
 * Waits until the nodes have healed by themselves and says what they then hold: all alive, no hints left, no job of
 * anti-entropy open, and all three with the same digests. It polls, within a bound.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { MendlogError } from '@mendlog/core';
import type { Health, HintStats, Jobs, Summary } from '@mendlog/node';
import type { ChaosNode } from './chaos-node.js';

const POLL_MS = 100;
const ASK_TIMEOUT_MS = 5000;
const HEALING_MAX_MS = 120_000;

export interface Healed {
  readonly tookMs: number;
  /** On each node. */
  readonly records: number;
}

/** Rejects with READ_TIMEOUT, and what it last saw, where they do not become equal in time. */
export async function untilHealed(nodes: readonly ChaosNode[], signal: AbortSignal): Promise<Healed> {
  const startedMs = performance.now();
  const healing = new Healing(nodes, signal, startedMs + HEALING_MAX_MS);
  await healing.until('all nodes to be alive', async () => {
    const views = await healing.onEach<Health>('/api/health');
    return views.every(({ status }) => status === 'UP');
  });
  await healing.until('all hints to be replayed', async () => {
    const stats = await healing.onEach<HintStats>('/api/hints/stats');
    return stats.every(({ pending }) => pending === 0);
  });
  let records = 0;
  await healing.until('the digests of all nodes to be equal', async () => {
    await healing.onEach('/api/coordinator/trigger', { method: 'POST', body: '{}' });
    await healing.until('all anti-entropy jobs to end', async () => {
      const pages = await healing.onEach<Jobs>('/api/coordinator/jobs?limit=1000');
      return pages.every(({ jobs }) => jobs.every(({ finishedAt }) => finishedAt !== null));
    });
    const summaries = (await healing.onEach<Summary[]>('/api/cluster/summary')).flatMap((list) =>
      list.slice(0, 1),
    );
    const [first] = summaries;
    if (first === undefined) return false;
    records = first.partitions.reduce((sum, partition) => sum + partition.records, 0);
    return summaries.every(
      ({ root, partitions }) =>
        root === first.root && JSON.stringify(partitions) === JSON.stringify(first.partitions),
    );
  });
  return { tookMs: performance.now() - startedMs, records };
}

class Healing {
  readonly #nodes: readonly ChaosNode[];
  readonly #signal: AbortSignal;
  readonly #deadlineMs: number;
  #lastSeen = '';

  constructor(nodes: readonly ChaosNode[], signal: AbortSignal, deadlineMs: number) {
    this.#nodes = nodes;
    this.#signal = signal;
    this.#deadlineMs = deadlineMs;
  }

  async until(what: string, holds: () => Promise<boolean>): Promise<void> {
    for (;;) {
      let failure: unknown;
      const isThere = await holds().catch((thrown: unknown) => {
        failure = thrown;
        return false;
      });
      if (isThere) return;
      this.#signal.throwIfAborted();
      if (performance.now() > this.#deadlineMs) {
        const seen = failure === undefined ? this.#lastSeen : String(failure);
        throw new MendlogError('READ_TIMEOUT', `waited in vain for ${what}; last seen: ${seen}`);
      }
      await delay(POLL_MS, undefined, { signal: this.#signal });
    }
  }

  async onEach<Answer>(path: string, init: RequestInit = {}): Promise<Answer[]> {
    const answers = await Promise.all(
      this.#nodes.map(async ({ id, url }) => {
        const signal = AbortSignal.any([this.#signal, AbortSignal.timeout(ASK_TIMEOUT_MS)]);
        const response = await fetch(`${url}${path}`, { ...init, signal });
        const text = await response.text();
        if (!response.ok)
          throw new MendlogError('READ_TIMEOUT', `${id} answered ${path} with ${response.status}: ${text}`);
        return text;
      }),
    );
    this.#lastSeen = answers.map((text) => text.slice(0, SEEN_CHARS_MAX)).join(' | ');
    return answers.map((text): Answer => JSON.parse(text));
  }
}

const SEEN_CHARS_MAX = 1000;
