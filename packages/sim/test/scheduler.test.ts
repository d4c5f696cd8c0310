// Virtual time runs in order, and ends what goes in circles.
import { describe, expect, test } from 'vitest';
import { Random } from '../src/world/random.js';
import { Scheduler } from '../src/world/scheduler.js';

describe('scheduler', () => {
  test('scheduler: events run by time, then in the order of asking (events=500, seed=3)', () => {
    const scheduler = new Scheduler();
    const random = new Random(3);
    const ran: { at: number; order: number }[] = [];
    for (let order = 0; order < 500; order++) {
      const at = random.below(50);
      scheduler.after(at, () => ran.push({ at: scheduler.nowUs, order }));
    }
    scheduler.runUntil(100, 1000);
    const sorted = [...ran].sort((a, b) => a.at - b.at || a.order - b.order);
    expect(ran).toEqual(sorted);
    expect(ran).toHaveLength(500);
    expect(scheduler.nowUs).toBe(100);
  });

  test('scheduler: a cancelled event does not run, a later one waits (cancelled=1)', () => {
    const scheduler = new Scheduler();
    const ran: string[] = [];
    scheduler.after(1, () => ran.push('cancelled')).cancel();
    scheduler.after(5, () => ran.push('late'));
    scheduler.runUntil(4, 10);
    expect(ran).toEqual([]);
    scheduler.runUntil(5, 10);
    expect(ran).toEqual(['late']);
  });

  test('scheduler: events without end are an error (eventsMax=100)', () => {
    const scheduler = new Scheduler();
    const again = () => {
      scheduler.after(0, again);
    };
    again();
    expect(() => scheduler.runUntil(1, 100)).toThrow('more than 100 events');
  });
});
