/** Random numbers that come again for the same seed (Mulberry32). */
export class Seeded {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 to below this. */
  below(bound: number): number {
    this.#state = (this.#state + 0x6d2b_79f5) >>> 0;
    let bits = this.#state;
    bits = Math.imul(bits ^ (bits >>> 15), bits | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return Math.floor((((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32) * bound);
  }

  /** True in so many of a hundred cases. */
  percent(share: number): boolean {
    return this.below(100) < share;
  }

  of<Item>(items: readonly Item[]): Item {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new TypeError('nothing to choose from');
    return item;
  }
}

/** The seed of this run, and what to type to have it again. */
export function seedOf(file: string): { seed: number; replay: string } {
  const seed = Number(process.env.MENDLOG_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
  return { seed, replay: `MENDLOG_TEST_SEED=${seed} npx vitest run packages/sim/test/${file}` };
}
