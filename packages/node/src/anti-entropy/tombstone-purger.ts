/**
 * Purges tombstones in the background: now and then, of each partition that this node leads, it has core's state machine
 * carry out one round, and asks all primaries for what that needs. docs/consistency.md says what is purged when.
 */
import {
  type DigestKernel,
  MendlogError,
  type PurgeDigest,
  type PurgeOutcome,
  type PurgeStep,
  SettledHeads,
  type Store,
  TombstonePurge,
  toMendlogError,
} from '@mendlog/core';
import type { Log } from '../log.js';
import { answerOf } from '../membership/answer-of.js';
import type { Peers } from '../membership/peers.js';
import type { Placement } from '../membership/placement.js';
import { Turns } from '../turns.js';
import { purgeDigest } from './purge-digest.js';

export interface TombstonePurgerOptions {
  readonly store: Store;
  readonly kernel: DigestKernel;
  readonly peers: Peers;
  readonly placement: Pick<Placement, 'primaries'>;
  readonly log: Log;
  /** Between two turns; 0 for never. */
  readonly intervalMs: number;
  readonly writeTimeoutMs: number;
  /** One session now. */
  readonly compare: (partition: string, nodeId: string) => Promise<void>;
  /** How a round ended. */
  readonly ended: (outcome: PurgeOutcome | 'failed') => void;
}

export class TombstonePurger {
  readonly #options: TombstonePurgerOptions;
  readonly #turns: Turns;
  /** Of the partitions that are placed here. */
  readonly #heads: SettledHeads;

  constructor(options: TombstonePurgerOptions) {
    this.#options = options;
    this.#heads = new SettledHeads(2 * options.writeTimeoutMs);
    this.#turns = new Turns(options.intervalMs, () => this.#turn());
  }

  async close(): Promise<void> {
    await this.#turns.close();
  }

  async #turn(): Promise<void> {
    const { store, peers, placement } = this.#options;
    const placedHere = new Set<string>();
    const due: { partition: string; settledHead: number }[] = [];
    for (const { partition, head } of store.partitions()) {
      const primaries = placement.primaries(partition);
      if (!primaries.includes(peers.self)) continue;
      placedHere.add(partition);
      const settledHead = this.#heads.settled(partition, head, performance.now());
      // All of them are needed: while one is away nothing is purged.
      const isWhole = primaries.every((nodeId) => peers.isAlive(nodeId));
      if (settledHead !== undefined && isWhole && peers.firstAlive(primaries) === peers.self)
        due.push({ partition, settledHead });
    }
    this.#heads.keep(placedHere);
    for (const { partition, settledHead } of due) {
      if (this.#turns.isClosed) return;
      await this.#round(partition, settledHead);
    }
  }

  async #round(partition: string, settledHead: number): Promise<void> {
    const { peers, placement, log, ended } = this.#options;
    const primaries = placement.primaries(partition);
    const purge = new TombstonePurge({ self: peers.self, primaries, settledHead });
    try {
      let step = purge.start();
      while (step.need !== 'nothing') step = await this.#perform(partition, purge, step);
      ended(step.outcome);
      if (step.outcome === 'unproven')
        log.info('tombstones stay: the replicas do not hold the same yet', { partition });
    } catch (thrown) {
      ended('failed');
      const { code, message } = toMendlogError(thrown);
      log.warn('tombstones could not be purged', { partition, code, error: message });
    }
  }

  async #perform(
    partition: string,
    purge: TombstonePurge,
    step: Exclude<PurgeStep, { need: 'nothing' }>,
  ): Promise<PurgeStep> {
    const { compare, placement } = this.#options;
    const primaries = placement.primaries(partition);
    switch (step.need) {
      case 'states':
        return purge.states(await this.#digests(partition, undefined));
      case 'fence': {
        const { counter, purgedTo } = step;
        const raised = await this.#ofAll(primaries, (nodeId) =>
          this.#fence(nodeId, { partition, counter, purgedTo }),
        );
        return purge.fenced(raised);
      }
      case 'digests':
        return purge.digests(await this.#digests(partition, step.upTo));
      case 'sessions':
        for (const nodeId of step.nodes) await compare(partition, nodeId);
        return purge.compared();
      case 'purge':
        await this.#ofAll(step.nodes, (nodeId) => this.#purge(nodeId, { partition, counter: step.counter }));
        return purge.purged();
    }
  }

  #digests(partition: string, upTo: number | undefined): Promise<Map<string, PurgeDigest>> {
    const { store, kernel, peers, placement } = this.#options;
    return this.#ofAll(placement.primaries(partition), async (nodeId) => {
      if (nodeId === peers.self) return purgeDigest(store, kernel, { partition, upTo });
      return await answerOf(peers.connectionTo(nodeId).call.peer.purgeDigest.query({ partition, upTo }));
    });
  }

  async #fence(
    nodeId: string,
    fence: { partition: string; counter: number; purgedTo: number },
  ): Promise<boolean> {
    const { store, peers } = this.#options;
    if (nodeId === peers.self) return await store.fence(fence.partition, fence.counter, fence.purgedTo);
    return (await answerOf(peers.connectionTo(nodeId).call.peer.fence.mutate(fence))).raised;
  }

  async #purge(nodeId: string, to: { partition: string; counter: number }): Promise<void> {
    const { store, peers } = this.#options;
    if (nodeId === peers.self) await store.purge(to.partition, to.counter);
    else await answerOf(peers.connectionTo(nodeId).call.peer.purge.mutate(to));
  }

  /** Rejects where one fails, when all have ended. */
  async #ofAll<Answer>(
    nodeIds: readonly string[],
    ask: (nodeId: string) => Promise<Answer>,
  ): Promise<Map<string, Answer>> {
    const answers = await Promise.allSettled(nodeIds.map(ask));
    return new Map(
      nodeIds.map((nodeId, i): [string, Answer] => {
        const answer = answers[i];
        if (answer?.status === 'fulfilled') return [nodeId, answer.value];
        const { code, message, details } = toMendlogError(answer?.reason);
        throw new MendlogError(code, `${nodeId}: ${message}`, { details, cause: answer?.reason });
      }),
    );
  }
}
