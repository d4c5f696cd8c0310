// How fast a step of the index goes, by a clock and a hurry of the test.
import { expect, test } from 'vitest';
import { type PacePorts, StepPace } from '../src/storage/step-pace.js';

class HeldPace implements PacePorts {
  now = 1000;
  hurried = false;
  /** What it was told to wait, 0 for a turn. */
  readonly rests: number[] = [];

  nowMs(): number {
    return this.now;
  }

  isHurried(): boolean {
    return this.hurried;
  }

  async turn(): Promise<void> {
    this.rests.push(0);
  }

  async pause(ms: number): Promise<void> {
    this.rests.push(ms);
    this.now += ms;
  }
}

test('index pace: a step is spread evenly over a part of the time in which its records came', async () => {
  const held = new HeldPace();
  const pace = new StepPace(held.now - 500, held);
  for (const done of [0.25, 0.5, 0.75, 1]) await pace.rest(done);
  const [first = 0] = held.rests;
  expect(first).toBeGreaterThan(0);
  expect(first).toBeLessThan(500 / 4);
  for (const rest of held.rests) expect(rest).toBeCloseTo(first);
  expect(pace.isSpread).toBe(true);
});

test('index pace: what took longer than its share is followed by a turn, and the rest is due as before', async () => {
  const held = new HeldPace();
  const pace = new StepPace(held.now - 500, held);
  held.now += 500;
  await pace.rest(0.5);
  expect(held.rests).toEqual([0]);
});

test('index pace: while somebody waits there are turns and no pauses', async () => {
  const held = new HeldPace();
  const pace = new StepPace(held.now - 500, held);
  held.hurried = true;
  await pace.rest(0.5);
  expect([held.rests, pace.isSpread]).toEqual([[0], false]);
  held.hurried = false;
  await pace.rest(0.75);
  expect(held.rests[1]).toBeGreaterThan(0);
  expect(pace.isSpread).toBe(true);
});

test('index pace: records that came at once, or in a very long time, do not stretch a step', async () => {
  const quick = new HeldPace();
  await new StepPace(quick.now, quick).rest(1);
  expect(quick.rests).toEqual([0]);
  const slow = new HeldPace();
  await new StepPace(slow.now - 3_600_000, slow).rest(1);
  expect(slow.rests[0]).toBeLessThan(1000);
});
