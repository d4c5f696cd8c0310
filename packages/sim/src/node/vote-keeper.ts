/** Has core decide whether this node's store votes: compares it with its peers, and runs the sessions that it lacks. */

import { type SideSummary, StoreVotes, sidesAreEqual } from '@mendlog/core';
import { type NodeShell, nodeOf } from './cluster-context.js';
import { answerWith, callPeer } from './peer-call.js';
import { summaryOf } from './sessions.js';

const TICK_US = 20_000;

export class VoteKeeper {
  readonly votes: StoreVotes;
  readonly #node: NodeShell;
  #isRunning = false;

  constructor(node: NodeShell) {
    const { scenario, trace } = node.context;
    const { disk } = node;
    this.#node = node;
    this.votes = new StoreVotes(
      {
        self: node.id,
        storeId: disk.store.storeId,
        others: scenario.nodeIds.filter((id) => id !== node.id),
        wasEmpty: disk.store.partitions().every(({ records }) => records === 0),
        primaries: (partition) => node.primaries(partition),
        isAlive: (nodeId) => node.isAlive(nodeId),
        keep: (note) => {
          disk.putVoteNote(note);
          node.soon(() => {
            this.votes.kept(note);
            trace.note(node.id, '* votes');
          });
        },
        compare: (peer, { tick }) => this.#compare(peer, tick),
        storeReplaced: (peer) => {
          trace.note(node.id, `sees that ${peer} has another store`);
          const { coordinator, ranges } = node.process;
          coordinator.writes.storeReplaced(peer);
          coordinator.reads.storeReplaced(peer);
          ranges.storeReplaced(peer);
        },
      },
      disk.store.voteNote(),
    );
  }

  start(): void {
    this.#node.every(TICK_US, () => this.#pump());
  }

  /** Of a peer: whether it has said so. */
  votesOn(partition: string, nodeId: string): boolean {
    return nodeId === this.#node.id ? this.votes.votes(partition) : this.votes.isVoter(nodeId);
  }

  /** All partitions are one page. */
  #compare(peer: string, tick: number): void {
    const { partitions } = this.#node.context.scenario;
    const shared = partitions.filter((partition) => {
      const primaries = this.#node.primaries(partition);
      return primaries.includes(peer) && primaries.includes(this.#node.id);
    });
    callPeer<SideSummary[]>(this.#node, {
      to: peer,
      serve: answerWith((other) => shared.map((partition) => summaryOf(other, partition))),
      done: (answer) => {
        if (!answer.ok) return this.votes.notCompared(peer, tick);
        const differing = shared.filter((partition, i) => {
          const [here, there] = [summaryOf(this.#node, partition), answer.value[i]];
          return there === undefined || !sidesAreEqual(here, there);
        });
        const last = [...partitions].sort().at(-1) ?? '';
        return this.votes.compared(peer, tick, { differing, last, isLast: true });
      },
    });
  }

  #pump(): void {
    if (this.#isRunning) return;
    const open = this.votes
      .openSessions(this.#node.context.scenario.partitions.length)
      .flatMap(({ partition, nodes }) => nodes.map((peer) => ({ partition, peer })))
      .filter(({ peer }) => this.#node.isAlive(peer) && nodeOf(this.#node.context, peer).isUp);
    if (open.length === 0) return;
    const { partition, peer } = this.#node.context.random.of(open);
    const { tick } = this.votes;
    this.#isRunning = true;
    this.#node.process.sessions.run(partition, peer, (outcome) => {
      this.#isRunning = false;
      if (outcome?.isWhole === true) this.votes.brought(partition, peer, tick);
    });
  }
}
