/**
 * How many of the calls that nodes refuse as OVERLOADED a client sends again: about a tenth of those that go through,
 * and a few more after a quiet time. Without that, retries keep a cluster overloaded that was so for a moment ("The Site
 * Reliability Workbook", O'Reilly 2018; Finagle's RetryBudget).
 */
const TOKENS_MAX = 100;
const EARNED = 0.1;

export class RetryBudget {
  #tokens = TOKENS_MAX;

  /** A call went through. */
  earn(): void {
    if (this.#tokens < TOKENS_MAX) this.#tokens += EARNED;
  }

  /** Whether one may be sent again. */
  spend(): boolean {
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
