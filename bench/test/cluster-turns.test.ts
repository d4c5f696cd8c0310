import { describe, expect, test } from 'vitest';
import { ClosedLoop } from '../src/cluster/closed-loop.js';
import { ratioOf } from '../src/cluster/ratio.js';
import { untilTurnMs, untilWindowMs, windowsInTurns } from '../src/cluster/turns.js';

const FIRST = { number: 0, of: 2 };
const SECOND = { number: 1, of: 2 };

describe('cluster bench turns', () => {
  test.each([
    [0, 0, 2500],
    [2499, 0, 1],
    [2500, 2500, 0],
    [4999, 1, 0],
    [5000, 0, 2500],
    [1_795_792_240_000, 0, 2500],
  ])('cluster bench turns: always one of two has its turn (%d ms)', (nowMs, first, second) => {
    expect([untilTurnMs(FIRST, nowMs), untilTurnMs(SECOND, nowMs)]).toEqual([first, second]);
  });

  test.each([
    [0, 300, 2800],
    [300, 0, 2500],
    [301, 4999, 2499],
    [2799, 2501, 1],
  ])('cluster bench turns: a window begins when its turn has settled (%d ms)', (nowMs, first, second) => {
    expect([untilWindowMs(FIRST, nowMs), untilWindowMs(SECOND, nowMs)]).toEqual([first, second]);
  });

  test('cluster bench turns: a call begins in its turn, and the wait for it is not of its latency', async () => {
    // A whole turn of another one lies before it at least.
    const turn = [0, 1, 2]
      .map((number) => ({ number, of: 3 }))
      .reduce((a, b) => (untilTurnMs(a, Date.now()) > untilTurnMs(b, Date.now()) ? a : b));
    const waits: number[] = [];
    const loop: ClosedLoop = new ClosedLoop(
      async () => {
        waits.push(untilTurnMs(turn, Date.now()));
        loop.stop();
      },
      1,
      turn,
    );
    await loop.run();
    expect(waits).toEqual([0]);
    expect(loop.latencies.quantileMs(1)).toBeLessThan(1000);
  });

  test('cluster bench turns: a run has a window in each of its turns, and ends before the next begins', () => {
    expect(windowsInTurns(FIRST, 61)).toEqual({ count: 12, seconds: 2.15 });
    expect(windowsInTurns(FIRST, 1)).toEqual({ count: 1, seconds: 2.15 });
  });

  test('cluster bench turns: the ratio of pairs, whatever the minutes had in common', () => {
    const { more, standardError, pairs } = ratioOf([100, 50, 200], [110, 55, 220, 7]);
    expect(more).toBeCloseTo(0.1, 10);
    expect([standardError < 1e-9, pairs]).toEqual([true, 3]);
    expect(ratioOf([100, 100], [110, 100 / 1.1]).more).toBeCloseTo(0, 10);
    expect(ratioOf([1, 1], [Math.E ** 2, 1])).toEqual({ more: Math.E - 1, standardError: 1, pairs: 2 });
    expect(() => ratioOf([], [1])).toThrow(TypeError);
  });
});
