// Silence: when a side that is waited for counts as silent, and when no longer.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Silence } from '../src/silence.js';

describe('silence', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  function watched() {
    const side = { waiting: true, pings: 0 };
    const silence = new Silence({
      isWaiting: () => side.waiting,
      ping: () => {
        side.pings++;
      },
    });
    silence.watch();
    return { side, silence };
  }

  test('silence: three looks in a row without a word, after the first (looks=500 ms)', () => {
    const { side, silence } = watched();
    vi.advanceTimersByTime(1999);
    expect(silence.isSilent).toBe(false);
    vi.advanceTimersByTime(1);
    expect(silence.isSilent).toBe(true);
    expect(side.pings).toBe(4);
  });

  test('silence: any word ends it, and it begins anew', () => {
    const { silence } = watched();
    vi.advanceTimersByTime(5000);
    silence.heard();
    expect(silence.isSilent).toBe(false);
    vi.advanceTimersByTime(1500);
    expect(silence.isSilent).toBe(false);
    vi.advanceTimersByTime(500);
    expect(silence.isSilent).toBe(true);
  });

  test('silence: a side that answers pings is never silent, however long a call takes', () => {
    const { silence } = watched();
    for (let look = 0; look < 100; look++) {
      vi.advanceTimersByTime(500);
      silence.heard();
      expect(silence.isSilent).toBe(false);
    }
  });

  test('silence: without a call that waits there is no timer; a silent side is pinged until it speaks', () => {
    const { side, silence } = watched();
    vi.advanceTimersByTime(3000);
    side.waiting = false;
    vi.advanceTimersByTime(60_000);
    expect(silence.isSilent).toBe(true);
    expect(vi.getTimerCount()).toBe(1);
    silence.heard();
    vi.advanceTimersByTime(500);
    expect(vi.getTimerCount()).toBe(0);
    silence.watch();
    silence.watch();
    expect(vi.getTimerCount()).toBe(1);
  });

  test('silence: a closed socket is not silent, and leaves no timer', () => {
    const { silence } = watched();
    vi.advanceTimersByTime(3000);
    silence.stop();
    expect(silence.isSilent).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
  });
});
