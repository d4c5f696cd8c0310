// What tells that nobody waits any more, whenever it is asked.
import { expect, test } from 'vitest';
import { Abandonment } from '../src/abandonment.js';

test('abandonment: the signal aborts with the reason (asked for before)', () => {
  const abandonment = new Abandonment();
  const { signal } = abandonment;
  expect([abandonment.isAbandoned, signal.aborted]).toEqual([false, false]);
  abandonment.abandon(new Error('gone'));
  abandonment.abandon(new Error('gone again'));
  expect(abandonment.isAbandoned).toBe(true);
  expect(abandonment.signal).toBe(signal);
  expect(signal.reason).toEqual(new Error('gone'));
});

test('abandonment: the signal aborts with the reason (asked for afterwards)', () => {
  const abandonment = new Abandonment();
  abandonment.abandon(new Error('gone'));
  expect(abandonment.isAbandoned).toBe(true);
  expect(abandonment.signal.aborted).toBe(true);
  expect(abandonment.signal.reason).toEqual(new Error('gone'));
});
