/**
 * Failure detection by heartbeats, each node for itself: two nodes may see a third one differently. With them nodes tell
 * each other which store they have.
 */
import type { Welcome } from '@mendlog/core';
import { type NodeShell, nodeOf } from './cluster-context.js';
import { answerWith } from './peer-call.js';

export class Liveness {
  readonly #node: NodeShell;
  readonly #heardUs = new Map<string, number>();
  readonly #beating = new Set<string>();

  constructor(node: NodeShell) {
    this.#node = node;
  }

  start(): void {
    this.#node.every(this.#node.context.scenario.heartbeatUs, () => this.#tick());
  }

  isAlive(nodeId: string): boolean {
    const { scheduler, scenario } = this.#node.context;
    const heardUs = this.#heardUs.get(nodeId);
    return heardUs !== undefined && scheduler.nowUs - heardUs <= scenario.deadAfterUs;
  }

  #tick(): void {
    const { id, context } = this.#node;
    const { network, scenario, scheduler, deaf } = context;
    const { votes } = this.#node.process;
    votes.beat();
    const greeting = { storeId: this.#node.disk.store.storeId, votes: votes.hasVote };
    for (const peer of scenario.nodeIds) {
      if (peer === id || this.#beating.has(peer) || (deaf.get(`${id}>${peer}`) ?? 0) > 0) continue;
      this.#beating.add(peer);
      network.call<NodeShell, Welcome>({
        from: this.#node,
        to: nodeOf(context, peer),
        timeoutUs: scenario.deadAfterUs,
        serve: answerWith((other) => other.process.votes.greeted(id, greeting)),
        done: (answer) => {
          this.#beating.delete(peer);
          if (!answer.ok) return;
          this.#heardUs.set(peer, scheduler.nowUs);
          votes.welcomed(peer, answer.value);
        },
      });
    }
  }
}
