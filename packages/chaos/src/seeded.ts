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

  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  of<Item>(items: readonly Item[]): Item {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new TypeError('nothing to choose from');
    return item;
  }

  /** One of these, each as often as its weight says. */
  weighted<Item>(weights: readonly (readonly [item: Item, weight: number])[]): Item {
    let left = this.below(weights.reduce((sum, [, weight]) => sum + weight, 0));
    for (const [item, weight] of weights) {
      if (left < weight) return item;
      left -= weight;
    }
    throw new TypeError('nothing to choose from');
  }
}
