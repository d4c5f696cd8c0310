/**
 * How long answers take, as far as it matters for asking somebody else too: their 99th percentile, of the last few
 * hundred to two thousand. Counts lie in buckets that grow by a fifth, in two generations, of which the older is
 * forgotten when the younger is full; so the estimate follows a cluster that becomes slower or faster.
 */

const PER_DOUBLING = 4;
/** The first bucket ends here, the last is open: above 4 s nobody waits for a percentile. */
const FIRST_MS = 0.125;
const BUCKETS = 15 * PER_DOUBLING;
const GENERATION = 1000;
/** Before so many there is no estimate. */
const ENOUGH = 100;
/** The percentile is looked up anew after so many. */
const STEP = 50;
const SHARE = 0.99;

export class AnswerTimes {
  #young = new Uint32Array(BUCKETS);
  #old = new Uint32Array(BUCKETS);
  #youngCount = 0;
  #oldCount = 0;
  #p99Ms: number | undefined;

  /** Milliseconds, at most a fifth too high; undefined while there is too little to say. */
  get p99Ms(): number | undefined {
    return this.#p99Ms;
  }

  record(ms: number): void {
    const place = Math.ceil(Math.log2(Math.max(ms, FIRST_MS) / FIRST_MS) * PER_DOUBLING);
    const bucket = Math.min(place, BUCKETS - 1);
    this.#young[bucket] = (this.#young[bucket] ?? 0) + 1;
    this.#youngCount++;
    if (this.#youngCount % STEP === 0) this.#p99Ms = this.#estimate();
    if (this.#youngCount < GENERATION) return;
    [this.#young, this.#old] = [this.#old, this.#young];
    this.#young.fill(0);
    this.#oldCount = this.#youngCount;
    this.#youngCount = 0;
  }

  #estimate(): number | undefined {
    const count = this.#youngCount + this.#oldCount;
    if (count < ENOUGH) return undefined;
    let above = Math.floor(count * (1 - SHARE));
    for (let bucket = BUCKETS - 1; bucket > 0; bucket--) {
      above -= (this.#young[bucket] ?? 0) + (this.#old[bucket] ?? 0);
      if (above < 0) return FIRST_MS * 2 ** (bucket / PER_DOUBLING);
    }
    return FIRST_MS;
  }
}
