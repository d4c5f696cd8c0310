/**
 * A closed loop: so many callers, each of which awaits its call before it makes the next. What it asks of the
 * cluster is therefore never more than that, and a slow cluster is asked less: the latencies are those of this
 * load, not of one that arrives whatever happens.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { LatencyHistogram, toMendlogError } from '@mendlog/core';
import type { Call } from './modes.js';
import { type Turn, untilTurnMs } from './turns.js';

/** After a failed call, so that a dead cluster is not asked a million times. */
const PAUSE_AFTER_ERROR_MS = 20;

export class ClosedLoop {
  readonly latencies = new LatencyHistogram();
  readonly errors = new Map<string, number>();
  readonly #call: Call;
  readonly #outstanding: number;
  readonly #turn: Turn | undefined;
  #stopped = false;

  /** Where there is a turn, calls begin in it alone; waiting for it is not of their latency. */
  constructor(call: Call, outstanding: number, turn?: Turn) {
    this.#call = call;
    this.#outstanding = outstanding;
    this.#turn = turn;
  }

  /** Resolves when every caller has ended its last call after `stop`. */
  async run(): Promise<void> {
    await Promise.all(Array.from({ length: this.#outstanding }, () => this.#caller()));
  }

  /** What was counted until now was the warm-up. */
  forget(): void {
    this.latencies.clear();
    this.errors.clear();
  }

  stop(): void {
    this.#stopped = true;
  }

  async #caller(): Promise<void> {
    while (!this.#stopped) {
      const waitMs = this.#turn === undefined ? 0 : untilTurnMs(this.#turn, Date.now());
      if (waitMs > 0) {
        await delay(waitMs);
        continue;
      }
      const startedMs = performance.now();
      try {
        await this.#call();
        this.latencies.record(performance.now() - startedMs);
      } catch (thrown) {
        const { code } = toMendlogError(thrown);
        this.errors.set(code, (this.errors.get(code) ?? 0) + 1);
        await delay(PAUSE_AFTER_ERROR_MS);
      }
    }
  }
}
