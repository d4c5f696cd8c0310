/** How much more one series is than another that was measured in turn with it. */

export interface Ratio {
  /** Of the pairs, the geometric mean less 1. */
  readonly more: number;
  /** Of that mean. NaN where there is one pair. */
  readonly standardError: number;
  readonly pairs: number;
}

/** Pairs are those of the same place; what one series has more of is left out. Throws a TypeError where there is none. */
export function ratioOf(first: readonly number[], second: readonly number[]): Ratio {
  const pairs = Math.min(first.length, second.length);
  if (pairs === 0) throw new TypeError('there are no windows to compare');
  const logs = Array.from({ length: pairs }, (_, i) => Math.log((second[i] ?? 0) / (first[i] ?? 0)));
  const mean = logs.reduce((sum, log) => sum + log, 0) / pairs;
  const squares = logs.reduce((sum, log) => sum + (log - mean) ** 2, 0);
  return {
    more: Math.exp(mean) - 1,
    standardError: Math.sqrt(squares / (pairs - 1) / pairs),
    pairs,
  };
}
