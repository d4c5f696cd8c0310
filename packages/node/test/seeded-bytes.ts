// What a seed repeats (mulberry32).

/** 32-bit numbers without end. */
export function seededNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

export function seededBytes(seed: number, length: number): Buffer {
  const next = seededNumbers(seed);
  return Buffer.from(Array.from({ length }, () => next() & 0xff));
}
