/**
 * The deadlines of all calls of a connection, with one timer: it is set to the earliest of them.
 *
 * A call that ends in time is not looked for here: the timer may then fire for nothing, looks at what is
 * still under way, and is set to the earliest deadline of that. So a call costs a comparison, and all
 * calls together a look each time the oldest deadline passes, at most every few milliseconds.
 */
export interface Due {
  /** In the time of `performance.now()`. */
  readonly deadlineMs: number;
}

export interface DeadlinesOptions<Call extends Due> {
  readonly underWay: () => Iterable<Call>;
  /** Ends the call, which is then no longer under way. */
  readonly onDue: (call: Call) => void;
}

const GRAIN_MS = 5;
const TIMER_MS_MAX = 2 ** 31 - 1;

export class Deadlines<Call extends Due> {
  readonly #options: DeadlinesOptions<Call>;
  #timer: NodeJS.Timeout | undefined;
  #setForMs = Number.POSITIVE_INFINITY;

  constructor(options: DeadlinesOptions<Call>) {
    this.#options = options;
  }

  /** A call with this deadline is under way. */
  watch(deadlineMs: number, nowMs: number): void {
    const atMs = Math.min(Math.max(deadlineMs, nowMs + GRAIN_MS), nowMs + TIMER_MS_MAX);
    if (atMs >= this.#setForMs) return;
    clearTimeout(this.#timer);
    this.#setForMs = atMs;
    this.#timer = setTimeout(this.#look, Math.ceil(atMs - nowMs));
  }

  /** None is under way any more. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#setForMs = Number.POSITIVE_INFINITY;
  }

  readonly #look = (): void => {
    this.#setForMs = Number.POSITIVE_INFINITY;
    const nowMs = performance.now();
    let earliestMs = Number.POSITIVE_INFINITY;
    for (const call of this.#options.underWay()) {
      if (call.deadlineMs <= nowMs) this.#options.onDue(call);
      else earliestMs = Math.min(earliestMs, call.deadlineMs);
    }
    if (earliestMs < Number.POSITIVE_INFINITY) this.watch(earliestMs, nowMs);
  };
}
