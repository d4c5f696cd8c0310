/**
 * Latencies in a fixed number of buckets that grow by 2.2 %: 32 to each doubling, from a microsecond to
 * more than an hour. A quantile is thus at most that much too high, and never too low.
 */

const BUCKETS_PER_DOUBLING = 32;
const DOUBLINGS = 32;
const BUCKETS = BUCKETS_PER_DOUBLING * DOUBLINGS;

export interface LatencySummary {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

export class LatencyHistogram {
  readonly #counts = new Float64Array(BUCKETS);
  #count = 0;
  #maxMs = 0;

  get count(): number {
    return this.#count;
  }

  record(latencyMs: number): void {
    const doublings = Math.log2(Math.max(latencyMs * 1000, 1));
    const bucket = Math.min(Math.ceil(doublings * BUCKETS_PER_DOUBLING), BUCKETS - 1);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#count++;
    this.#maxMs = Math.max(this.#maxMs, latencyMs);
  }

  /** Milliseconds below which this share of the latencies is; 0 where there is none. */
  quantileMs(share: number): number {
    const rank = Math.max(1, Math.ceil(this.#count * share));
    let passed = 0;
    for (const [bucket, count] of this.#counts.entries()) {
      passed += count;
      if (passed >= rank) return Math.min(2 ** (bucket / BUCKETS_PER_DOUBLING) / 1000, this.#maxMs);
    }
    return this.#maxMs;
  }

  /** Milliseconds, to the microsecond. */
  summary(): LatencySummary {
    const rounded = (latencyMs: number) => Math.round(latencyMs * 1000) / 1000;
    return {
      p50: rounded(this.quantileMs(0.5)),
      p90: rounded(this.quantileMs(0.9)),
      p99: rounded(this.quantileMs(0.99)),
      max: rounded(this.#maxMs),
    };
  }

  clear(): void {
    this.#counts.fill(0);
    this.#count = 0;
    this.#maxMs = 0;
  }
}
