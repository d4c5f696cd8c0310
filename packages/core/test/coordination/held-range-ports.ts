// The ports of a coordinator of reads of ranges over three stores: what it asks for is held until a test lets it happen.
import { answerRangeQuestion, type RangeStore } from '../../src/coordination/answer-range-question.js';
import type { KeyOutcome, KeyReadRequest } from '../../src/coordination/key-reads.js';
import type { RangeAnswer, RangeQuestion } from '../../src/coordination/range-questions.js';
import type { RangeReadResult } from '../../src/coordination/range-read.js';
import type { RangeAsk, RangeReadPorts } from '../../src/coordination/range-read-ports.js';
import { type RangeReadRequest, RangeReads } from '../../src/coordination/range-reads.js';
import { compareHoldings, type KeyHolding } from '../../src/protocol/key-claims.js';
import { type PackedGroup, packItems } from '../../src/protocol/packed.js';
import { frameVersion } from '../../src/record.js';
import { MemoryStore } from '../../src/storage/memory-store.js';
import { formatVersion, VERSION_HIGHEST, VERSION_LOWEST } from '../../src/version.js';
import { oracleKernel } from '../oracle-kernel.js';

export const NODES = ['a', 'b', 'c'] as const;
export const EVERYTHING = { from: VERSION_LOWEST, to: VERSION_HIGHEST, limit: 100 };

type Held = { readonly id: number; readonly node: string } & (
  | { readonly question: RangeQuestion }
  | { readonly groups: readonly PackedGroup[] }
);

const tagKey = new Uint8Array(32).fill(3);

class HeldRangePorts implements RangeReadPorts {
  self = 'a';
  readonly down = new Set<string>();
  readonly voteless = new Set<string>();
  readonly held: Held[] = [];
  readonly timers = new Set<number>();
  readonly dropped: number[] = [];
  repairsCounted = 0;
  isDrawn = false;

  primaries(): readonly string[] {
    return NODES;
  }

  isAlive(node: string): boolean {
    return !this.down.has(node);
  }

  votes(_partition: string, node: string): boolean {
    return !this.voteless.has(node);
  }

  startTimers(read: number): void {
    this.timers.add(read);
  }

  stopTimers(read: number): void {
    this.timers.delete(read);
  }

  ask(id: number, node: string, { question }: RangeAsk): void {
    this.held.push({ id, node, question });
  }

  give(id: number, node: string, groups: readonly PackedGroup[]): void {
    this.held.push({ id, node, groups });
  }

  drop(id: number): void {
    this.dropped.push(id);
    const place = this.held.findIndex((one) => one.id === id);
    if (place !== -1) this.held.splice(place, 1);
  }

  repairs(): void {
    this.repairsCounted++;
  }

  comparesAll(): boolean {
    return this.isDrawn;
  }
}

/** Three replicas, and the machine on one of them. */
export class RangeCluster {
  readonly ports = new HeldRangePorts();
  readonly reads: RangeReads;
  readonly stores = new Map(
    NODES.map((node) => [
      node as string,
      new MemoryStore({ storeId: node, kernel: oracleKernel, tagKeyOf: () => tagKey }),
    ]),
  );
  /** By node and version: its disk has changed these records. */
  readonly damaged = new Set<string>();
  /** What was asked, in order: `a pages`, `b gift`. */
  readonly log: string[] = [];
  readonly keysAsked: Uint8Array[] = [];
  keyFailure: KeyOutcome | undefined;

  constructor() {
    this.reads = new RangeReads(this.ports, { submit: (request, answer) => this.#lookUp(request, answer) });
  }

  store(node: string): MemoryStore {
    return this.stores.get(node) as MemoryStore;
  }

  put(nodes: Iterable<string>, ...frames: readonly Uint8Array[]): void {
    for (const node of nodes) this.store(node).applyNow([packItems('p', frames)], []);
  }

  damage(node: string, frame: Uint8Array): void {
    this.damaged.add(`${node} ${formatVersion(frameVersion(frame))}`);
  }

  submit(request: Partial<RangeReadRequest> = {}): { result?: RangeReadResult; id: number } {
    const told: { result?: RangeReadResult; id: number } = { id: 0 };
    told.id = this.reads.submit(
      { partition: 'p', ranges: [EVERYTHING], level: 'QUORUM', repair: 'blocking', ...request },
      (result) => {
        if (told.result !== undefined) throw new Error('it was answered twice');
        told.result = result;
      },
    );
    return told;
  }

  /** Lets the oldest ask of a node, or of whoever was asked first, be answered; or fail. */
  next(node?: string, what: 'answer' | 'fail' = 'answer'): void {
    const place = this.ports.held.findIndex((one) => node === undefined || one.node === node);
    const [one] = place === -1 ? [] : this.ports.held.splice(place, 1);
    if (one === undefined) throw new Error(`nothing is asked of ${node ?? 'anybody'}`);
    this.log.push(
      `${one.node} ${'question' in one ? one.question.ask : 'gift'}${what === 'fail' ? ' fails' : ''}`,
    );
    if (what === 'fail') this.reads.failed(one.id);
    else if ('question' in one && one.question.ask !== 'frames' && this.ports.voteless.has(one.node))
      this.reads.failed(one.id, 'no vote');
    else if ('question' in one) this.reads.answered(one.id, this.answerOf(one.node, one.question));
    else {
      this.store(one.node).applyNow(one.groups, []);
      this.reads.given(one.id);
    }
  }

  answerOf(node: string, question: RangeQuestion): RangeAnswer {
    return answerRangeQuestion(this.#readable(node), oracleKernel, question);
  }

  /** Lets everything be answered that is asked. */
  settle(): void {
    while (this.ports.held.length > 0) this.next();
  }

  read(request: Partial<RangeReadRequest> = {}): RangeReadResult {
    const told = this.submit(request);
    this.settle();
    if (told.result === undefined) throw new Error('nothing is asked, and nothing answered');
    return told.result;
  }

  /** As a store on disk: what is damaged is listed, and not given out. */
  #readable(node: string): RangeStore {
    const store = this.store(node);
    const isSound = (frame: Uint8Array) => !this.damaged.has(`${node} ${formatVersion(frameVersion(frame))}`);
    return {
      list: (partition, range) => store.list(partition, range),
      readVersions: (partition, versions, bytesMax) =>
        store.readVersions(partition, versions, bytesMax).filter(isSound),
      readRange(partition, range, bytesMax) {
        const { frames, truncated } = store.readRange(partition, range, bytesMax);
        return { frames: frames.filter(isSound), truncated: truncated && frames.some(isSound) };
      },
    };
  }

  /** The winner of all replicas. */
  #lookUp({ questions }: KeyReadRequest, answer: (outcomes: KeyOutcome[]) => void): void {
    const outcomes = questions.map(({ partition, key }): KeyOutcome => {
      this.keysAsked.push(key);
      if (this.keyFailure !== undefined) return this.keyFailure;
      let best: { readonly holding: KeyHolding; readonly store: MemoryStore } | undefined;
      for (const store of this.stores.values()) {
        const [state] = store.keyStates(partition, [key]);
        if (state === undefined || typeof state === 'string') continue;
        if (best === undefined || compareHoldings(state, best.holding) > 0) best = { holding: state, store };
      }
      const frame = best?.store.readVersions(partition, [best.holding.version], 1)[0];
      return { ok: true, frame, repaired: false };
    });
    answer(outcomes);
  }
}
