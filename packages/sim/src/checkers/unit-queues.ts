/**
 * The orders in which register-order.ts looks at the units that are left: by their ends, by their starts, and the
 * deletes that are enabled. Each goes over its units once; what is taken elsewhere is passed over.
 */
import type { Unit } from './register-units.js';

export class UnitsByEnd {
  readonly #units: readonly Unit[];
  readonly #taken: ReadonlySet<Unit>;
  #next = 0;

  constructor(units: readonly Unit[], taken: ReadonlySet<Unit>) {
    this.#units = [...units].sort((a, b) => a.end - b.end);
    this.#taken = taken;
  }

  /** Of the units that are left, the one that ends first. */
  first(): Unit | undefined {
    this.#next = this.#untakenFrom(this.#next);
    return this.#units[this.#next];
  }

  /** When the next one after that ends. */
  secondEnd(): number {
    return this.#units[this.#untakenFrom(this.#next + 1)]?.end ?? Number.POSITIVE_INFINITY;
  }

  #untakenFrom(index: number): number {
    let at = index;
    for (let unit = this.#units[at]; unit !== undefined && this.#taken.has(unit); unit = this.#units[at])
      at += 1;
    return at;
  }
}

export class UnitsByStart {
  readonly #units: readonly Unit[];
  readonly #taken: ReadonlySet<Unit>;
  #next = 0;

  constructor(units: readonly Unit[], taken: ReadonlySet<Unit>) {
    this.#units = [...units].sort((a, b) => a.start - b.start);
    this.#taken = taken;
  }

  /** One that is left and starts no later than this. */
  enabled(bound: number): Unit | undefined {
    let unit = this.#units[this.#next];
    while (unit !== undefined && this.#taken.has(unit)) {
      this.#next += 1;
      unit = this.#units[this.#next];
    }
    return unit !== undefined && unit.start <= bound ? unit : undefined;
  }
}

/** Deletes in the order in which they start; of the enabled ones, the one that ends first. Each is given once. */
export class Deletes {
  readonly #units: readonly Unit[];
  readonly #enabled: Unit[] = [];
  /** Enabled ones of unknown outcome, which come last, in any order. */
  readonly #unknown: Unit[] = [];
  #next = 0;

  constructor(units: readonly Unit[]) {
    this.#units = [...units].sort((a, b) => a.start - b.start);
  }

  takeEnabled(bound: number): Unit | undefined {
    for (let unit = this.#units[this.#next]; unit !== undefined && unit.start <= bound; ) {
      (Number.isFinite(unit.end) ? this.#enabled : this.#unknown).push(unit);
      this.#next += 1;
      unit = this.#units[this.#next];
    }
    let index = 0;
    for (const [at, { end }] of this.#enabled.entries()) {
      if (end < (this.#enabled[index]?.end ?? 0)) index = at;
    }
    return this.#enabled.splice(index, 1)[0] ?? this.#unknown.pop();
  }
}
