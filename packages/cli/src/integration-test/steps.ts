/** The steps of a test: each is said with ok or FAIL and what was measured; the first that fails ends it. */
import { toMendlogError } from '@mendlog/core';
import type { Narrator } from '../narrator.js';

export class StepFailed extends Error {}

/** Throws StepFailed, with what is wrong, unless it holds. */
export function must(holds: boolean, wrong: string): void {
  if (!holds) throw new StepFailed(wrong);
}

export class Steps {
  readonly #narrator: Narrator;
  #passed = 0;

  constructor(narrator: Narrator) {
    this.#narrator = narrator;
  }

  get passed(): number {
    return this.#passed;
  }

  /** Runs a step, which returns what it measured in words. */
  async step(name: string, action: () => Promise<string>): Promise<void> {
    const startedMs = performance.now();
    const took = () => `${((performance.now() - startedMs) / 1000).toFixed(2)} s`;
    const number = this.#passed + 1;
    try {
      const measured = await action();
      this.#passed++;
      this.#narrator.say(`ok    ${number}. ${name}: ${measured} (${took()})`);
    } catch (thrown) {
      const failure = thrown instanceof StepFailed ? thrown : toMendlogError(thrown);
      this.#narrator.say(`FAIL  ${number}. ${name}: ${failure.message} (${took()})`);
      throw new StepFailed(`step ${number} failed: ${failure.message}`, { cause: thrown });
    }
  }
}
