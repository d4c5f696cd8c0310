/**
 * How much of something costly is done beside what is ordinary: a token is earned by a number of ordinary things, and
 * spent by a costly one. After a quiet time as many are there as the budget holds (Finagle's RetryBudget).
 */
export interface TokenBudgetOptions {
  readonly tokensMax: number;
  /** Of a token, by one ordinary thing. */
  readonly earned: number;
}

export class TokenBudget {
  readonly #options: TokenBudgetOptions;
  #tokens: number;

  constructor(options: TokenBudgetOptions) {
    this.#options = options;
    this.#tokens = options.tokensMax;
  }

  earn(): void {
    const { tokensMax, earned } = this.#options;
    this.#tokens = Math.min(tokensMax, this.#tokens + earned);
  }

  /** Whether there is a token; it is spent. */
  spend(): boolean {
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
