/**
 * The network between nodes and clients: calls that are answered, fail or time out.
 *
 * A message takes its time, is overtaken by later ones, or is lost. The production transport is TCP, which loses
 * nothing and keeps the order of one connection; a caller sees a loss as a time-out, all the same, when a
 * connection breaks, and several connections and a fallback overtake each other. TCP never delivers twice either: that
 * is for requests that somebody sends again, as storing may be. What is sent into a cut is lost, or comes when the
 * cut has healed, as TCP sends again: long after everybody has given it up.
 */
import { MendlogError } from '@mendlog/core';
import type { Endpoint } from './endpoint.js';
import type { FaultCounts } from './fault-kinds.js';
import type { Random } from './random.js';
import type { Scheduler } from './scheduler.js';

export type Answer<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly error: MendlogError };

export interface Call<Server extends Endpoint, Value> {
  readonly from: Endpoint;
  readonly to: Server;
  readonly timeoutUs: number;
  /** It may be delivered twice. */
  readonly isIdempotent?: boolean;
  /** Runs at the other end. */
  readonly serve: (server: Server, answer: (answer: Answer<Value>) => void) => void;
  /** Runs at this end, once. */
  readonly done: (answer: Answer<Value>) => void;
}

export interface NetworkOptions {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly faults: FaultCounts;
  /** Calls of one node to another that are not answered, at most. */
  readonly callsMax: number;
}

export interface Weather {
  lossRate: number;
  lateRate: number;
  twiceRate: number;
  /** Of a message that is not late. */
  delayUsMax: number;
  lateUsMax: number;
}

export const CALM: Readonly<Weather> = {
  lossRate: 0,
  lateRate: 0,
  twiceRate: 0,
  delayUsMax: 1500,
  lateUsMax: 0,
};

const DELAY_US_MIN = 50;
const RETRANSMIT_US = 200_000;
const RETRANSMITS_MAX = 12;

interface PendingCall {
  readonly from: string;
  lose(): void;
}

export class Network {
  readonly #options: NetworkOptions;
  readonly weather: Weather = { ...CALM };
  /** `from>to` of links that carry nothing, with how many faults cut each. */
  readonly #cuts = new Map<string, number>();
  readonly #pending = new Map<string, Set<PendingCall>>();
  readonly #calls = new Map<string, number>();
  /** The most calls of one node to another that were under way at a time. */
  callsSeenMax = 0;

  constructor(options: NetworkOptions) {
    this.#options = options;
  }

  cut(from: string, to: string): void {
    this.#cuts.set(`${from}>${to}`, (this.#cuts.get(`${from}>${to}`) ?? 0) + 1);
  }

  mend(from: string, to: string): void {
    const left = (this.#cuts.get(`${from}>${to}`) ?? 0) - 1;
    if (left > 0) this.#cuts.set(`${from}>${to}`, left);
    else this.#cuts.delete(`${from}>${to}`);
  }

  isCut(from: string, to: string): boolean {
    return this.#cuts.has(`${from}>${to}`);
  }

  call<Server extends Endpoint, Value>(call: Call<Server, Value>): void {
    const { scheduler, callsMax, faults, random } = this.#options;
    const { from, to } = call;
    const link = `${from.id}>${to.id}`;
    const fromEpoch = from.epoch;
    const toEpoch = to.epoch;
    const underWay = this.#calls.get(link) ?? 0;
    const refuse = (error: MendlogError) =>
      scheduler.after(random.between(1, 20), () =>
        from.run(fromEpoch, () => call.done({ ok: false, error })),
      );
    if (underWay >= callsMax) {
      faults['queue full'] += 1;
      refuse(new MendlogError('OVERLOADED', `too many calls of ${to.id} are under way`));
      return;
    }
    if (!to.isUp) {
      refuse(new MendlogError('UNREACHABLE', `${to.id} refuses connections`));
      return;
    }
    this.#calls.set(link, underWay + 1);
    this.callsSeenMax = Math.max(this.callsSeenMax, underWay + 1);
    const pendingOfServer = this.#pendingOf(to.id);
    let isOver = false;
    const end = (answer: Answer<Value>) => {
      if (isOver) return;
      isOver = true;
      timer.cancel();
      pendingOfServer.delete(pending);
      this.#calls.set(link, (this.#calls.get(link) ?? 1) - 1);
      call.done(answer);
    };
    const fail = (error: MendlogError, isTimer: boolean) =>
      from.run(fromEpoch, () => end({ ok: false, error }), { isTimer });
    const timer = scheduler.after(call.timeoutUs, () =>
      fail(new MendlogError('CONNECTION_LOST', `${to.id} did not answer in time`), true),
    );
    const pending: PendingCall = {
      from: from.id,
      lose: () => fail(new MendlogError('CONNECTION_LOST', `the connection to ${to.id} ended`), false),
    };
    pendingOfServer.add(pending);
    let deliveries = 0;
    let isRefused = false;
    const serve = () =>
      to.run(toEpoch, () => {
        // Whoever was refused does not send again, and nobody waits for the answer to the second request.
        if (isRefused) return;
        const isFirst = ++deliveries === 1;
        call.serve(to, (answer) => {
          if (!isFirst) return;
          isRefused = !answer.ok;
          this.#transmit(to.id, from.id, () => from.run(fromEpoch, () => end(answer)));
        });
      });
    this.#transmit(from.id, to.id, serve);
    if (call.isIdempotent === true && random.chance(this.weather.twiceRate)) {
      faults['message twice'] += 1;
      this.#transmit(from.id, to.id, serve);
    }
  }

  /** A process has died: whoever waits for it learns so soon, or never; what it waited for is forgotten. */
  processDied(id: string): void {
    const { scheduler, random, faults } = this.#options;
    for (const pending of this.#pendingOf(id)) {
      if (random.chance(0.3)) continue;
      faults['connection lost'] += 1;
      scheduler.after(random.between(100, 5000), () => pending.lose());
    }
    for (const link of this.#calls.keys()) if (link.startsWith(`${id}>`)) this.#calls.delete(link);
  }

  #pendingOf(id: string): Set<PendingCall> {
    const pending = this.#pending.get(id) ?? new Set<PendingCall>();
    this.#pending.set(id, pending);
    return pending;
  }

  #transmit(from: string, to: string, arrive: () => void): void {
    const { scheduler, random, faults } = this.#options;
    const { lossRate, lateRate, delayUsMax, lateUsMax } = this.weather;
    if (lossRate > 0 && random.chance(lossRate)) {
      faults['message lost'] += 1;
      return;
    }
    let delayUs = random.between(DELAY_US_MIN, delayUsMax);
    if (lateRate > 0 && random.chance(lateRate)) {
      faults['message late'] += 1;
      delayUs += random.below(lateUsMax);
    }
    let tries = 0;
    const attempt = () => {
      if (!this.isCut(from, to)) {
        if (tries > 0) faults['message after heal'] += 1;
        arrive();
      } else if (++tries > RETRANSMITS_MAX || (tries === 1 && random.chance(0.6)))
        faults['message lost'] += 1;
      else scheduler.after(RETRANSMIT_US * random.unit() * tries, attempt);
    };
    scheduler.after(delayUs, attempt);
  }
}
