// The ports of a coordinator of reads of keys: what it asks for is held until a test answers it, in any order.
import type { KeyAnswers, KeyAsk, KeyReadPorts, RoundTimes } from '../../src/coordination/key-read-ports.js';
import type { KeyReads } from '../../src/coordination/key-reads.js';
import { TAG_BYTES } from '../../src/digest/kernel.js';
import type { KeyState } from '../../src/protocol/key-claims.js';
import type { PackedGroup } from '../../src/protocol/packed.js';
import { encodeFrame } from '../../src/record.js';
import { utf8, version } from '../bytes.js';

export interface HeldAsk extends KeyAsk {
  readonly id: number;
  readonly node: string;
}

export interface HeldGift {
  readonly id: number;
  readonly node: string;
  readonly groups: readonly PackedGroup[];
}

export class HeldReadPorts implements KeyReadPorts {
  readonly self = 'a';
  readonly down = new Set<string>();
  /** Nodes whose stores have no vote. */
  readonly newStores = new Set<string>();
  readonly asks: HeldAsk[] = [];
  readonly gifts: HeldGift[] = [];
  readonly timers = new Set<number>();
  readonly roundDeadlines: number[] = [];
  /** Of the last round. */
  lateAfterMs = 0;
  isScheduled = false;
  readonly #primaries: readonly string[];

  constructor(primaries: readonly string[] = ['a', 'b', 'c']) {
    this.#primaries = primaries;
  }

  primaries(): readonly string[] {
    return this.#primaries;
  }

  isAlive(node: string): boolean {
    return !this.down.has(node);
  }

  votes(_partition: string, node: string): boolean {
    return !this.newStores.has(node);
  }

  elapsed = 0;

  elapsedMs(): number {
    return this.elapsed;
  }

  schedule(): void {
    this.isScheduled = true;
  }

  startTimers(round: number, { lateAfterMs, deadlineMs }: RoundTimes): void {
    this.timers.add(round);
    this.roundDeadlines.push(deadlineMs);
    this.lateAfterMs = lateAfterMs;
  }

  stopTimers(round: number): void {
    this.timers.delete(round);
  }

  ask(id: number, node: string, what: KeyAsk): void {
    this.asks.push({ id, node, ...what });
  }

  give(id: number, node: string, groups: readonly PackedGroup[]): void {
    this.gifts.push({ id, node, groups });
  }
}

/** What a replica holds of one key: nothing, something that it cannot read, or a record. */
export type Held = 'absent' | 'unknown' | 'no vote' | { readonly counter: number; readonly value?: string };

/** The frame of a record that is put under `k`. */
export function putFrame({ counter, value = '' }: { counter: number; value?: string }): Uint8Array {
  return encodeFrame({ version: version(counter), timeMs: 1, key: 'k', value: utf8(value) });
}

export interface AnswerOptions {
  readonly trimmedTo?: number;
  readonly purgedTo?: number;
  /** Records that are not given although they were asked for: by the place of the question. */
  readonly withoutFrames?: (place: number) => boolean;
}

/** Answers what the ports hold; each once. */
export class ReadEvents {
  readonly #ports: HeldReadPorts;
  readonly #reads: KeyReads;

  constructor(ports: HeldReadPorts, reads: KeyReads) {
    this.#ports = ports;
    this.#reads = reads;
  }

  /** The turn of the event loop ends. */
  turn(): void {
    if (!this.#ports.isScheduled) return;
    this.#ports.isScheduled = false;
    this.#reads.pump();
  }

  /** Answers the oldest ask of this node; what it holds is the same for all keys, or told of each. */
  answer(node: string, held: Held | ((place: number) => Held), options: AnswerOptions = {}): HeldAsk {
    const ask = this.#takeAsk(node);
    const heldOf = typeof held === 'function' ? held : () => held;
    this.#reads.answered(ask.id, answersTo(ask, heldOf, options));
    return ask;
  }

  failAsk(node: string): void {
    this.#reads.failed(this.#takeAsk(node).id);
  }

  /** The oldest gift to this node is stored there. */
  accept(node: string): HeldGift {
    const gift = this.#takeGift(node);
    this.#reads.given(gift.id);
    return gift;
  }

  failGift(node: string): void {
    this.#reads.failed(this.#takeGift(node).id);
  }

  /** The timers of the oldest round. */
  isSlow(): void {
    this.#reads.isSlow(this.#round());
  }

  timeUp(): void {
    this.#reads.timeUp(this.#round());
  }

  #round(): number {
    const [round] = this.#ports.timers;
    if (round === undefined) throw new Error('no round is under way');
    return round;
  }

  #takeAsk(node: string): HeldAsk {
    return taken(this.#ports.asks, node);
  }

  #takeGift(node: string): HeldGift {
    return taken(this.#ports.gifts, node);
  }
}

function answersTo(
  { questions, withRecords }: KeyAsk,
  heldOf: (place: number) => Held,
  { trimmedTo = 0, purgedTo = 0, withoutFrames = () => false }: AnswerOptions,
): KeyAnswers {
  const held = questions.map((_, place) => heldOf(place));
  return {
    states: held.map((one): KeyState => {
      if (typeof one === 'string') return one;
      return { attempt: 0, version: version(one.counter), tag: new Uint8Array(TAG_BYTES) };
    }),
    trimmedTo: questions.map(() => trimmedTo),
    purgedTo: questions.map(() => purgedTo),
    frames: held.map((one, place) =>
      !withRecords || typeof one === 'string' || withoutFrames(place) ? undefined : putFrame(one),
    ),
  };
}

/** Takes the first of a node. */
function taken<Kept extends { readonly node: string }>(kept: Kept[], node: string): Kept {
  const place = kept.findIndex((one) => one.node === node);
  const [found] = place === -1 ? [] : kept.splice(place, 1);
  if (found === undefined) throw new Error(`nothing is asked of ${node}`);
  return found;
}
