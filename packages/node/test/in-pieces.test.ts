// Long work in pieces: others have their turn between two, and it ends with whoever waits for it.
import { expect, test } from 'vitest';
import { inPieces } from '../src/anti-entropy/in-pieces.js';

function* counting(to: number, seen: number[]): Generator<void, string> {
  for (let i = 1; i <= to; i++) {
    seen.push(i);
    if (i < to) yield;
  }
  return 'done';
}

test('in pieces: others have their turn between two pieces', async () => {
  const seen: number[] = [];
  const work = inPieces(counting(3, seen));
  setImmediate(() => seen.push(0));
  expect(await work).toBe('done');
  expect(seen.indexOf(0)).toBeGreaterThan(0);
  expect(seen.indexOf(0)).toBeLessThan(seen.indexOf(3));
});

test('in pieces: it ends where its caller has gone, and what is done by then is given', async () => {
  const seen: number[] = [];
  const caller = { isGone: false };
  const work = inPieces(counting(3, seen), caller);
  caller.isGone = true;
  await expect(work).rejects.toMatchObject({ code: 'REQUEST_TIMEOUT' });
  expect(seen).toEqual([1]);
  expect(await inPieces(counting(1, seen), caller)).toBe('done');
});
