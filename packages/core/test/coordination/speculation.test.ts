// When one replica more is asked: after the 99th percentile, within a budget, and free in place of a silent one.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AnswerTimes } from '../../src/coordination/answer-times.js';
import { Speculation } from '../../src/coordination/speculation.js';

describe('answer times', () => {
  test('answer times: nothing is told of fewer than a hundred', () => {
    const times = new AnswerTimes();
    for (let i = 0; i < 99; i++) times.record(1);
    expect(times.p99Ms).toBeUndefined();
    times.record(1);
    expect(times.p99Ms).toBeGreaterThanOrEqual(1);
  });

  test('answer times: the percentile is never too low, and at most a fifth too high', () => {
    const anyTimes = fc.array(fc.double({ min: 0.2, max: 3000, noNaN: true }), {
      minLength: 100,
      maxLength: 1000,
    });
    fc.assert(
      fc.property(anyTimes, (all) => {
        const times = new AnswerTimes();
        const counted = all.slice(0, all.length - (all.length % 50));
        for (const ms of counted) times.record(ms);
        const sorted = [...counted].sort((a, b) => b - a);
        const p99Ms = sorted[Math.floor(counted.length * (1 - 0.99))] ?? 0;
        expect(times.p99Ms).toBeGreaterThanOrEqual(p99Ms * 0.999);
        expect(times.p99Ms).toBeLessThanOrEqual(p99Ms * 1.2);
      }),
    );
  });

  test('answer times: what was long ago is forgotten (two generations of 1,000)', () => {
    const times = new AnswerTimes();
    for (let i = 0; i < 1000; i++) times.record(500);
    for (let i = 0; i < 2000; i++) times.record(3);
    expect(times.p99Ms).toBeLessThan(4);
    for (let i = 0; i < 50; i++) times.record(500);
    expect(times.p99Ms).toBeGreaterThanOrEqual(500);
  });

  test('answer times: however long, there is a last bucket (SPEC I8)', () => {
    const times = new AnswerTimes();
    for (let i = 0; i < 100; i++) times.record(Number.MAX_SAFE_INTEGER);
    expect(times.p99Ms).toBeGreaterThan(3000);
  });
});

describe('speculation', () => {
  const ask = (node: string, sinceMs: number) => ({ node, sinceMs });

  test('speculation: 50 ms are late at first, then the percentile, and never less than 2 ms', () => {
    const speculation = new Speculation();
    expect(speculation.lateAfterMs).toBe(50);
    for (let i = 0; i < 100; i++) speculation.answered(ask('b', 0), 20);
    expect(speculation.lateAfterMs).toBeGreaterThanOrEqual(20);
    expect(speculation.lateAfterMs).toBeLessThan(24);
    for (let i = 0; i < 2000; i++) speculation.answered(ask('b', 0), 0.1);
    expect(speculation.lateAfterMs).toBe(2);
  });

  test('speculation: answers that are waited for no more count with the time that they took', () => {
    const speculation = new Speculation();
    for (let i = 0; i < 98; i++) speculation.answered(ask('b', 0), 1);
    for (let i = 0; i < 2; i++) speculation.givenUp(ask('c', 0), 30);
    expect(speculation.lateAfterMs).toBeGreaterThanOrEqual(30);
  });

  test('speculation: a tenth of the rounds at most, where nodes are slow and not silent', () => {
    const speculation = new Speculation();
    let asked = 0;
    for (let round = 0; round < 1000; round++) {
      speculation.begun();
      speculation.answered(ask('b', round * 100 - 90), round * 100 + 10);
      if (speculation.isDue([ask('b', round * 100)], round * 100 + 90)) asked++;
    }
    // Those of a quiet time before, and a tenth.
    expect(asked).toBeGreaterThanOrEqual(100);
    expect(asked).toBeLessThanOrEqual(110);
    expect(speculation.made).toBe(asked);
  });

  test('speculation: in place of a node that has said nothing since, always, once that is 50 ms ago', () => {
    const speculation = new Speculation();
    while (speculation.isDue([ask('b', 0)], 10));
    expect(speculation.isDue([ask('b', 1000)], 1049)).toBe(false);
    expect(speculation.isDue([ask('b', 1000)], 1050)).toBe(true);
    speculation.answered(ask('b', 900), 1020);
    expect(speculation.isDue([ask('b', 1000)], 1050)).toBe(false);
    expect(speculation.isDue([ask('b', 1000), ask('c', 1000)], 1050)).toBe(true);
  });
});
