// Who holds a key while many records of it are on their way.
import { expect, test } from 'vitest';
import { KeyHolders } from '../src/storage/key-holders.js';
import { version } from './records.js';

const holder = (arrival: number) => ({ arrival, attempt: 0, version: version(arrival) });

test('key holders: the latest that arrived by then holds, whatever is forgotten around it', () => {
  const holders = new KeyHolders();
  for (const arrival of [1, 2, 3, 4, 5]) holders.put('k', holder(arrival));
  expect([0, 1, 3, 9].map((by) => holders.find('k', by)?.arrival)).toEqual([undefined, 1, 3, 5]);
  holders.forget((arrival) => arrival === 3 || arrival === 5);
  expect([1, 3, 9].map((by) => holders.find('k', by)?.arrival)).toEqual([1, 2, 4]);
  holders.forget((arrival) => arrival <= 4);
  expect(holders.find('k')).toBeUndefined();
  expect(holders.isEmpty).toBe(true);
});

test('key holders: a key that is written again and again before the index follows (writes=200000)', () => {
  const holders = new KeyHolders();
  for (let arrival = 1; arrival <= 200_000; arrival++) holders.put('k', holder(arrival));
  holders.forget((arrival) => arrival % 2 === 0);
  expect(holders.find('k')?.arrival).toBe(199_999);
  holders.forget((arrival) => arrival < 199_999);
  expect(holders.find('k', 199_998)).toBeUndefined();
});
