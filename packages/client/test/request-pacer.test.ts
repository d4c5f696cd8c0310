import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { RequestPacer } from '../src/request-pacer.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});

afterEach(() => {
  vi.useRealTimers();
});

/** How long a request has to wait that is asked for now, in milliseconds. */
function waitOf(pacer: RequestPacer, mayGoOn: { readonly mock: { readonly calls: unknown[] } }): number {
  const told = mayGoOn.mock.calls.length;
  const startedMs = performance.now();
  if (pacer.mayGo(false)) return 0;
  while (mayGoOn.mock.calls.length === told) vi.advanceTimersToNextTimer();
  expect(pacer.mayGo(false)).toBe(true);
  return performance.now() - startedMs;
}

/** A pacer whose only request has just been answered, after so long. */
function answeredAfter(tripMs: number, moreMayCome: () => boolean, mayGoOn = vi.fn()): RequestPacer {
  const pacer = new RequestPacer(mayGoOn, moreMayCome);
  pacer.sent();
  vi.advanceTimersByTime(tripMs);
  pacer.ended();
  return pacer;
}

describe('request pacer', () => {
  test('request pacer: while one is under way the next one waits for its answer', () => {
    const mayGoOn = vi.fn();
    const pacer = new RequestPacer(mayGoOn);
    expect(pacer.mayGo(false)).toBe(true);
    pacer.sent();
    expect(pacer.mayGo(false)).toBe(false);
    pacer.ended();
    expect(mayGoOn).toHaveBeenCalledTimes(1);
    expect(pacer.mayGo(false)).toBe(true);
  });

  test('request pacer: one that is not answered holds the others up for 20 ms', () => {
    const mayGoOn = vi.fn();
    const pacer = new RequestPacer(mayGoOn);
    pacer.sent();
    expect(waitOf(pacer, mayGoOn)).toBe(20);
  });

  test.each([
    [3, 0],
    [4, 1],
    [9, 1],
    [16, 2],
    [1000, 2],
  ])(
    'request pacer: an eighth of the trip later other answers have brought calls about (trip of %s ms: %s ms)',
    (tripMs, waitMs) => {
      const mayGoOn = vi.fn();
      const pacer = answeredAfter(tripMs, () => true, mayGoOn);
      expect(waitOf(pacer, mayGoOn)).toBe(waitMs);
      expect(waitOf(pacer, mayGoOn)).toBe(0);
    },
  );

  test('request pacer: where no other answer is awaited nothing waits, also not once the last one has come', () => {
    let others = false;
    const pacer = answeredAfter(16, () => others);
    expect(pacer.mayGo(false)).toBe(true);
    others = true;
    expect(pacer.mayGo(false)).toBe(false);
    others = false;
    expect(pacer.mayGo(false)).toBe(true);
  });

  test('request pacer: an answer is to come for 20 ms after a request', () => {
    const pacer = new RequestPacer(vi.fn());
    expect(pacer.isToBeAnswered).toBe(false);
    pacer.sent();
    vi.advanceTimersByTime(19);
    expect(pacer.isToBeAnswered).toBe(true);
    vi.advanceTimersByTime(1);
    expect(pacer.isToBeAnswered).toBe(false);
    pacer.sent();
    pacer.ended();
    expect(pacer.isToBeAnswered).toBe(true);
    pacer.ended();
    expect(pacer.isToBeAnswered).toBe(false);
  });

  test('request pacer: full requests wait for nothing, up to four under way', () => {
    const pacer = answeredAfter(16, () => true);
    expect(pacer.mayGo(false)).toBe(false);
    for (let i = 0; i < 4; i++) {
      expect(pacer.mayGo(true)).toBe(true);
      pacer.sent();
    }
    expect(pacer.mayGo(true)).toBe(false);
  });
});
