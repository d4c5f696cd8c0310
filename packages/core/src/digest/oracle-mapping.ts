/**
 * The oracle's mapping of items to the symbols of a sketch; crates/merkle/src/mapping.rs explains it.
 *
 *   gap after index i = (i + 1.5) * (1 / sqrt(u) - 1), u uniform: index i is taken with 1 / (1 + i / 2)
 */

const MASK_64 = 2n ** 64n - 1n;
const MULTIPLIER = 0xda942042e4dd58b5n;
const MIX = 0xd6e8feb86659fd93n;
const COUNTER_MIX = 0x9e3779b97f4a7c15n;

/** FACTORS[k] = floor(2^24 * (1 / sqrt((k + 1/2) / 4096) - 1)). */
const FACTORS: readonly bigint[] = Array.from(
  { length: 4096 },
  (_, k) => squareRoot(2n ** 61n / BigInt(2 * k + 1)) - 2n ** 24n,
);

/** The hash of an item: it seeds the mapping, and its high half is the check. */
export function itemHash(counter: bigint, tagPrefix: bigint): bigint {
  let hash = tagPrefix ^ ((counter * COUNTER_MIX) & MASK_64);
  hash ^= hash >> 32n;
  hash = (hash * MIX) & MASK_64;
  hash ^= hash >> 32n;
  hash = (hash * MIX) & MASK_64;
  return hash ^ (hash >> 32n);
}

/** The indexes below `end` of the item with this hash, ascending. */
export function indexesOf(hash: bigint, end: number): number[] {
  const indexes: number[] = [];
  let state = hash | 1n;
  let index = 0n;
  while (index < end) {
    indexes.push(Number(index));
    state = (state * MULTIPLIER) & MASK_64;
    const factor = FACTORS[Number(state >> 52n)] ?? 0n;
    index += (((2n * index + 3n) * factor) >> 25n) + 1n;
  }
  return indexes;
}

/** Rounded down, by Newton's method. */
function squareRoot(square: bigint): bigint {
  let root = square;
  for (let next = (root + 1n) / 2n; next < root; next = (root + square / root) / 2n) root = next;
  return root;
}
