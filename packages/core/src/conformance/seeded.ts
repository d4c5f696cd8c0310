/** Choices that a seed repeats (mulberry32, after Tommy Ettinger). */
export class Seeded {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** An integer from 0 up to `end`, which is left out. */
  below(end: number): number {
    return Math.floor((this.#next() / 2 ** 32) * end);
  }

  /** An integer between both ends, which are included. */
  between(from: number, to: number): number {
    return from + this.below(to - from + 1);
  }

  /** True in so many of a hundred cases. */
  percent(share: number): boolean {
    return this.below(100) < share;
  }

  of<T>(choices: readonly T[]): T {
    const choice = choices[this.below(choices.length)];
    if (choice === undefined) throw new TypeError('there is nothing to choose from');
    return choice;
  }

  /** One of these, each as often as its weight says. */
  weighted<T>(weights: readonly (readonly [choice: T, weight: number])[]): T {
    let left = this.below(weights.reduce((sum, [, weight]) => sum + weight, 0));
    for (const [choice, weight] of weights) {
      if (left < weight) return choice;
      left -= weight;
    }
    throw new TypeError('there is nothing to choose from');
  }

  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }
}
