// The open loop of the cluster benchmark: it offers what it is told, however slow the calls are.
import { MendlogError } from '@mendlog/core';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { OpenLoop } from '../src/cluster/open-loop.js';

describe('open loop', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance', 'setTimeout'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test('open loop: calls begin at the rate though none of them ends, and all are waited for', async () => {
    const ends: (() => void)[] = [];
    const loop = new OpenLoop(() => new Promise<void>((resolve) => ends.push(resolve)), 5000);
    let isOver = false;
    const running = loop.run().then(() => {
      isOver = true;
    });
    await vi.advanceTimersByTimeAsync(200);
    expect(ends).toHaveLength(1000);
    loop.stop();
    await vi.advanceTimersByTimeAsync(10);
    expect([isOver, loop.offered]).toEqual([false, 1000]);
    for (const end of ends) end();
    await running;
    expect(loop.latencies.count).toBe(1000);
  });

  test('open loop: failures are counted by their code, and are no latencies', async () => {
    let calls = 0;
    const call = async () => {
      if (++calls % 2 === 0) throw new MendlogError('OVERLOADED', 'a queue is full');
    };
    const loop = new OpenLoop(call, 1000);
    const running = loop.run();
    await vi.advanceTimersByTimeAsync(100);
    loop.stop();
    await vi.advanceTimersByTimeAsync(10);
    await running;
    expect(calls).toBeGreaterThan(50);
    expect(loop.latencies.count).toBe(Math.ceil(calls / 2));
    expect(Object.fromEntries(loop.errors)).toEqual({ OVERLOADED: Math.floor(calls / 2) });
  });
});
