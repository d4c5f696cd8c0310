/**
 * An open loop: calls begin at a rate, whether or not those before them have ended, as those of many callers do who
 * know nothing of each other. What a cluster does under more than it can do shows only here: a closed loop asks a slow
 * cluster for less (Schroeder et al., "Open Versus Closed", NSDI 2006). A latency begins when its call was due, so that
 * a client that falls behind does not hide it.
 */
import { LatencyHistogram, toMendlogError } from '@mendlog/core';
import type { Call } from './modes.js';

const STEP_MS = 1;
/** Answers are read in between. */
const BURST_MS_MAX = 20;
/** Calls that this process could not make for so long are not made: it offers less than it was told, and says so. */
const LATE_MS_MAX = 100;
/** One more is not made, and counts as NOT_SENT: the memory of this process is not what is measured. */
const OUTSTANDING_MAX = 1_000_000;

export class OpenLoop {
  readonly latencies = new LatencyHistogram();
  readonly errors = new Map<string, number>();
  /** Calls that were made. */
  offered = 0;
  readonly #call: Call;
  readonly #callsPerMs: number;
  #outstanding = 0;
  #isStopped = false;
  #idle: (() => void) | undefined;

  constructor(call: Call, callsPerSecond: number) {
    this.#call = call;
    this.#callsPerMs = callsPerSecond / 1000;
  }

  /** Resolves when every call has ended that was begun before `stop`. */
  async run(): Promise<void> {
    const beganMs = performance.now();
    let begun = 0;
    while (!this.#isStopped) {
      const stepMs = performance.now();
      const due = Math.floor((stepMs - beganMs) * this.#callsPerMs);
      begun = Math.max(begun, due - Math.floor(LATE_MS_MAX * this.#callsPerMs));
      for (; begun < due && performance.now() - stepMs < BURST_MS_MAX; begun++)
        this.#begin(beganMs + begun / this.#callsPerMs);
      await new Promise((resolve) => setTimeout(resolve, STEP_MS));
    }
    if (this.#outstanding > 0)
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
  }

  /** What was counted until now was the warm-up. */
  forget(): void {
    this.latencies.clear();
    this.errors.clear();
    this.offered = 0;
  }

  stop(): void {
    this.#isStopped = true;
  }

  #begin(dueMs: number): void {
    this.offered++;
    if (this.#outstanding >= OUTSTANDING_MAX) {
      this.#failed('NOT_SENT');
      return;
    }
    this.#outstanding++;
    const ended = () => {
      if (--this.#outstanding === 0) this.#idle?.();
    };
    this.#call()
      .then(
        () => this.latencies.record(performance.now() - dueMs),
        (thrown: unknown) => this.#failed(toMendlogError(thrown).code),
      )
      .finally(ended);
  }

  #failed(code: string): void {
    this.errors.set(code, (this.errors.get(code) ?? 0) + 1);
  }
}
