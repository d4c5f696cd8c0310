/** Purges tombstones, as the node's purger does: core's state machine, what it asks for fetched from all primaries. */
import { type PurgeDigest, type PurgeStep, prefixDigest, SettledHeads, TombstonePurge } from '@mendlog/core';
import type { Answer } from '../world/network.js';
import type { NodeShell } from './cluster-context.js';
import { answerWith, callPeer, type PeerCall } from './peer-call.js';

export class Purger {
  readonly #node: NodeShell;
  readonly #heads: SettledHeads;
  readonly #running = new Set<string>();

  constructor(node: NodeShell) {
    this.#node = node;
    this.#heads = new SettledHeads(node.context.scenario.fenceAgeUs / 1000);
  }

  start(): void {
    const { scenario, scheduler } = this.#node.context;
    if (scenario.purgeEveryUs === 0) return;
    this.#node.every(scenario.purgeEveryUs, () => {
      // What healing finds it has to level by itself.
      if (scheduler.nowUs > scenario.durationUs) return;
      for (const partition of scenario.partitions) this.#look(partition);
    });
  }

  #look(partition: string): void {
    const { context, disk, id } = this.#node;
    const { scheduler } = context;
    const primaries = this.#node.primaries(partition);
    if (!primaries.includes(id) || this.#running.has(partition)) return;
    const settledHead = this.#heads.settled(partition, disk.store.head(partition), scheduler.nowUs / 1000);
    const isWhole = primaries.every((nodeId) => this.#node.isAlive(nodeId));
    if (settledHead === undefined || !isWhole || this.#node.coordinatorOf(partition) !== id) return;
    this.#running.add(partition);
    const purge = new TombstonePurge({ self: id, primaries, settledHead });
    context.trace.note(id, `purge of ${partition} begins`);
    this.#perform(partition, purge, purge.start());
  }

  #perform(partition: string, purge: TombstonePurge, step: PurgeStep): void {
    const { context, id } = this.#node;
    const primaries = this.#node.primaries(partition);
    const next = (one: PurgeStep) => this.#perform(partition, purge, one);
    switch (step.need) {
      case 'states':
        this.#askAll<PurgeDigest>(partition, primaries, tellDigest(partition, undefined), (told) =>
          next(purge.states(told)),
        );
        break;
      case 'fence': {
        const { counter, purgedTo } = step;
        const fence = answerWith((peer) => peer.disk.fence(partition, counter, purgedTo));
        this.#askAll<boolean>(partition, primaries, fence, (raised) => next(purge.fenced(raised)));
        break;
      }
      case 'digests':
        this.#askAll<PurgeDigest>(partition, primaries, tellDigest(partition, step.upTo), (told) =>
          next(purge.digests(told)),
        );
        break;
      case 'sessions':
        this.#compare(partition, [...step.nodes], () => next(purge.compared()));
        break;
      case 'purge': {
        const { counter } = step;
        const serve = answerWith((peer) => peer.disk.purge(partition, counter));
        this.#askAll(partition, step.nodes, serve, () => next(purge.purged()));
        break;
      }
      case 'nothing':
        context.trace.note(id, `purge of ${partition} ends: ${step.outcome}`);
        if (step.outcome === 'purged') context.counts.purges += 1;
        this.#running.delete(partition);
        break;
    }
  }

  /** Where one does not answer, the round is over when all have. */
  #askAll<Value>(
    partition: string,
    nodeIds: readonly string[],
    serve: PeerCall<Value>['serve'],
    done: (answers: Map<string, Value>) => void,
  ): void {
    const answers = new Map<string, Value>();
    let open = nodeIds.length;
    const answered = (nodeId: string, answer: Answer<Value>) => {
      if (answer.ok) answers.set(nodeId, answer.value);
      open -= 1;
      if (open > 0) return;
      if (answers.size === nodeIds.length) done(answers);
      else this.#running.delete(partition);
    };
    for (const nodeId of nodeIds) {
      const answer = (one: Answer<Value>) => answered(nodeId, one);
      if (nodeId === this.#node.id) this.#node.soon(() => serve(this.#node, answer));
      else callPeer<Value>(this.#node, { to: nodeId, serve, done: answer });
    }
  }

  #compare(partition: string, nodeIds: string[], done: () => void): void {
    const nodeId = nodeIds.shift();
    if (nodeId === undefined) {
      done();
      return;
    }
    this.#node.process.sessions.run(partition, nodeId, (outcome) => {
      if (outcome === undefined) this.#running.delete(partition);
      else this.#compare(partition, nodeIds, done);
    });
  }
}

function tellDigest(partition: string, upTo: number | undefined): PeerCall<PurgeDigest>['serve'] {
  return answerWith(({ disk, context }) => {
    const digest =
      upTo === undefined ? undefined : prefixDigest(disk.store, context.kernel, { partition, upTo });
    return { fencedTo: disk.fencedTo(partition), purgedTo: disk.purgedTo(partition), digest };
  });
}
