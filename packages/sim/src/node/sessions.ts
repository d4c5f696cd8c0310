/** Anti-entropy sessions of one node: core's state machine, what it asks for fetched from both sides, step by step. */

import {
  type AnsweredItems,
  AntiEntropySession,
  type ApplyResult,
  answerItems,
  answerSymbols,
  heldRecords,
  type Listing,
  packItems,
  type RecordItem,
  ROW_BYTES,
  type SessionStep,
  type SideSummary,
  type SymbolsAnswer,
  type SymbolsQuestion,
  unreadItems,
} from '@mendlog/core';
import type { Answer } from '../world/network.js';
import type { NodeShell, SessionEnded } from './cluster-context.js';
import { answerWith, callPeer, type PeerCall, storeOn } from './peer-call.js';

export class Sessions {
  readonly #node: NodeShell;
  #isRunning = false;

  constructor(node: NodeShell) {
    this.#node = node;
  }

  start(): void {
    const { scenario, random } = this.#node.context;
    if (scenario.healing === 'hints alone') return;
    this.#node.every(scenario.sessionEveryUs, () => {
      const partition = random.of(scenario.partitions);
      const peers = this.#node.primaries(partition).filter((id) => id !== this.#node.id);
      if (this.#isRunning || peers.length === 0 || !this.#node.primaries(partition).includes(this.#node.id))
        return;
      const peer = random.of(peers);
      if (!this.#node.isAlive(peer)) return;
      this.#isRunning = true;
      this.run(partition, peer, () => {
        this.#isRunning = false;
      });
    });
  }

  run(partition: string, peer: string, ended: SessionEnded): void {
    const { context, id } = this.#node;
    const session = new AntiEntropySession(context.kernel, { preview: false });
    context.trace.note(id, `session about ${partition} with ${peer} begins`);
    new SessionRun(this.#node, { session, partition, peer, ended }).perform(session.start());
  }
}

class SessionRun {
  readonly #node: NodeShell;
  readonly #session: AntiEntropySession;
  readonly #partition: string;
  readonly #peer: string;
  readonly #ended: SessionEnded;
  #unread = 0;

  constructor(
    node: NodeShell,
    run: { session: AntiEntropySession; partition: string; peer: string; ended: SessionEnded },
  ) {
    this.#node = node;
    this.#session = run.session;
    this.#partition = run.partition;
    this.#peer = run.peer;
    this.#ended = run.ended;
  }

  perform(step: SessionStep): void {
    const partition = this.#partition;
    const { context, disk } = this.#node;
    const { store } = disk;
    switch (step.need) {
      case 'roots':
        this.#ask(
          answerWith((peer) => summaryOf(peer, partition)),
          (there) => this.#session.roots(summaryOf(this.#node, partition), there),
        );
        break;
      case 'trim':
        this.#node.disk.trim(partition, step.trimTo);
        this.#ask(
          answerWith((peer) => peer.disk.trim(partition, step.trimTo)),
          () => this.#session.raised(),
        );
        break;
      case 'purge':
        this.#node.disk.purge(partition, step.purgeTo);
        this.#ask(
          answerWith((peer) => peer.disk.purge(partition, step.purgeTo)),
          () => this.#session.raised(),
        );
        break;
      case 'rows': {
        const { level, ranges } = step;
        const here = store.rows(partition, level, ranges);
        this.#ask(
          answerWith((peer) => peer.disk.store.rows(partition, level, ranges)),
          (there) => this.#session.rows(here, there),
        );
        break;
      }
      case 'held':
        this.perform(this.#session.held(atOnce(heldRecords(store, { partition, segments: step.segments }))));
        break;
      case 'symbols': {
        const question: SymbolsQuestion = { partition, ...step };
        this.#ask<SymbolsAnswer | undefined>(
          answerWith((peer) => atOnce(answerSymbols(peer.disk.store, context.kernel, question))),
          (there) => {
            context.counts.symbolMessages++;
            return this.#session.symbols(there);
          },
        );
        break;
      }
      case 'listings': {
        const { ranges } = step;
        const here = ranges.map((range) => store.list(partition, range));
        this.#ask<Listing[]>(
          answerWith((peer) => ranges.map((range) => peer.disk.store.list(partition, range))),
          (there) => this.#session.listings(here, there),
        );
        break;
      }
      case 'transfer':
        this.#transfer(step.pull, step.push, { purgedTo: step.purgedTo });
        break;
      case 'nothing':
        this.#node.context.trace.note(this.#node.id, `session about ${partition} with ${this.#peer} ends`);
        // What is listed and cannot be read is for the scrub to mend.
        this.#ended(this.#unread > 0 ? undefined : step.outcome);
        break;
    }
  }

  #transfer(pull: readonly RecordItem[], push: readonly RecordItem[], source: { purgedTo: number }): void {
    const pushed = itemsOn(this.#node, this.#partition, push);
    this.#ask<AnsweredItems>(
      answerWith((peer) => itemsOn(peer, this.#partition, pull)),
      (pulled) => {
        const stored = (answer: Answer<ApplyResult>) => {
          if (!answer.ok) return this.#ended(undefined);
          this.#ask<ApplyResult>(
            (peer, done) => storeOn(peer, [[packItems(this.#partition, pushed.frames)], []], done, source),
            () => {
              const unreadThere = unreadItems(pull.length, pulled);
              this.#unread += unreadThere + unreadItems(push.length, pushed);
              return this.#session.transferred(pulled.vanished + unreadThere);
            },
          );
        };
        storeOn(this.#node, [[packItems(this.#partition, pulled.frames)], []], stored, source);
        return undefined;
      },
    );
  }

  /** Asks the peer and goes on with the step that follows from its answer, if one does. */
  #ask<Value>(serve: PeerCall<Value>['serve'], next: (value: Value) => SessionStep | undefined): void {
    callPeer<Value>(this.#node, {
      to: this.#peer,
      serve,
      done: (answer: Answer<Value>) => {
        if (!answer.ok) return this.#ended(undefined);
        const step = next(answer.value);
        if (step !== undefined) this.perform(step);
      },
    });
  }
}

export function summaryOf({ disk }: NodeShell, partition: string): SideSummary {
  const { root = new Uint8Array(ROW_BYTES) } = disk.store.summary(partition) ?? {};
  return { root, trimmedTo: disk.trimmedTo(partition), purgedTo: disk.purgedTo(partition) };
}

function itemsOn({ disk }: NodeShell, partition: string, items: readonly RecordItem[]): AnsweredItems {
  const answer = answerItems(disk.ranges, partition, items);
  if (answer.answered < items.length)
    throw new Error('records are to be few and small: one answer holds them');
  return answer;
}

/** In one turn: nothing else happens in this instant. */
function atOnce<Result>(work: Generator<void, Result>): Result {
  for (;;) {
    const piece = work.next();
    if (piece.done === true) return piece.value;
  }
}
