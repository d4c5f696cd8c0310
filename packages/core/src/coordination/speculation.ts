/**
 * When a read asks one replica more than it needs, since an answer is late (Dean and Barroso, "The Tail at Scale",
 * CACM 2013; Cassandra's speculative retry): after the 99th percentile of what answers take, and for a tenth of all
 * rounds at most, so that a cluster in which everything is slow is not asked for twice as much. A replica that has
 * answered nothing at all for a while, neither this nor any other question, is silent and not slow: asking another one
 * in its place is no bet, and free.
 */
import { TokenBudget } from '../token-budget.js';
import { AnswerTimes } from './answer-times.js';

/** Before enough answers have come to tell. */
const LATE_FIRST_MS = 50;
/** A timer of a few hundred microseconds costs more than it saves. */
const LATE_MS_MIN = 2;
const SILENT_MS = 50;
/** A tenth of all rounds, and so many together after a time in which few were late. */
const BUDGET = { earned: 0.1, tokensMax: 10 };

export interface WaitingAsk {
  readonly node: string;
  readonly sinceMs: number;
}

export class Speculation {
  readonly #times = new AnswerTimes();
  /** When each node last answered. */
  readonly #heardMs = new Map<string, number>();
  readonly #budget = new TokenBudget(BUDGET);
  #made = 0;

  /** Rounds that asked one replica more, since the start. */
  get made(): number {
    return this.#made;
  }

  /** After how long an answer is late. */
  get lateAfterMs(): number {
    return Math.max(LATE_MS_MIN, this.#times.p99Ms ?? LATE_FIRST_MS);
  }

  /** Another round begins. */
  begun(): void {
    this.#budget.earn();
  }

  answered({ node, sinceMs }: WaitingAsk, nowMs: number): void {
    this.#heardMs.set(node, nowMs);
    this.#times.record(nowMs - sinceMs);
  }

  /** Its answer is waited for no more: it takes at least so long, which has to count, or only quick answers would. */
  givenUp({ sinceMs }: WaitingAsk, nowMs: number): void {
    this.#times.record(nowMs - sinceMs);
  }

  /** Whether one replica more is to be asked in a round that waits for these. */
  isDue(waiting: Iterable<WaitingAsk>, nowMs: number): boolean {
    let isSilent = false;
    for (const { node, sinceMs } of waiting)
      if (nowMs - sinceMs >= SILENT_MS && (this.#heardMs.get(node) ?? 0) < sinceMs) isSilent = true;
    if (!isSilent && !this.#budget.spend()) return false;
    this.#made++;
    return true;
  }
}
