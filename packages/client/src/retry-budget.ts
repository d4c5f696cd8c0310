/**
 * How many of the calls that nodes refuse as OVERLOADED a client sends again: about a tenth of those that go through,
 * and a few more after a quiet time. Without that, retries keep a cluster overloaded that was so for a moment ("The Site
 * Reliability Workbook", O'Reilly 2018).
 */
import { TokenBudget } from '@mendlog/core';

export type RetryBudget = TokenBudget;

export function newRetryBudget(): RetryBudget {
  return new TokenBudget({ tokensMax: 100, earned: 0.1 });
}
