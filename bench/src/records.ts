/** Records that are always the same: the tag of each is spread from its counter, as in bench/rust. */
import { TAG_BYTES } from '@mendlog/core';

const MASK_64 = 2n ** 64n - 1n;

/** splitmix64. */
function mixed(number: bigint): bigint {
  let z = (number * 0x9e3779b97f4a7c15n) & MASK_64;
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK_64;
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK_64;
  return z ^ (z >> 31n);
}

export interface Records {
  readonly counters: Float64Array;
  /** 16 bytes each. */
  readonly tags: Uint8Array;
}

export function recordsOf(counters: readonly number[]): Records {
  const lanes = new BigUint64Array(2 * counters.length);
  for (const [i, counter] of counters.entries()) {
    lanes[2 * i] = mixed(BigInt(counter) + 1n);
    lanes[2 * i + 1] = mixed(MASK_64 - BigInt(counter));
  }
  return { counters: Float64Array.from(counters), tags: new Uint8Array(lanes.buffer) };
}

/** The items of a list one by one. */
export function* itemsOf({ counters, tags }: Records): Generator<{ counter: number; tag: Uint8Array }> {
  for (const [i, counter] of counters.entries()) {
    yield { counter, tag: tags.subarray(i * TAG_BYTES, (i + 1) * TAG_BYTES) };
  }
}

/** Which records one side lacks: the cases of the comparison. */
export function differences(records: number): readonly { name: string; lacks(counter: number): boolean }[] {
  const every = (n: number) => Math.floor(records / n);
  const middle = Math.floor(records / 2);
  return [
    { name: '1 scattered', lacks: (counter) => counter === middle },
    { name: '100 scattered', lacks: (counter) => counter % every(100) === 17 },
    { name: '1,000 scattered', lacks: (counter) => counter % every(1_000) === 17 },
    { name: '10,000 clustered', lacks: (counter) => counter >= middle && counter < middle + 10_000 },
  ];
}

export function milliseconds<Result>(work: () => Result): [result: Result, ms: number] {
  const startedMs = performance.now();
  const result = work();
  return [result, performance.now() - startedMs];
}
