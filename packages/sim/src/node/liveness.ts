/** Failure detection by heartbeats, each node for itself: two nodes may see a third one differently. */
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
    for (const peer of scenario.nodeIds) {
      if (peer === id || this.#beating.has(peer) || (deaf.get(`${id}>${peer}`) ?? 0) > 0) continue;
      this.#beating.add(peer);
      network.call<NodeShell, true>({
        from: this.#node,
        to: nodeOf(context, peer),
        timeoutUs: scenario.deadAfterUs,
        serve: answerWith<true>(() => true),
        done: ({ ok }) => {
          this.#beating.delete(peer);
          if (ok) this.#heardUs.set(peer, scheduler.nowUs);
        },
      });
    }
  }
}
