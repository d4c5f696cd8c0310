// Room for entries: what is taken is nobody else's until it is given back, and is used again then.
import { putKey } from '@mendlog/core';
import { describe, expect, test } from 'vitest';
import { checkGroups, sortArrivals } from '../src/storage/arrivals.js';
import { EntrySlabs } from '../src/storage/entry-slabs.js';
import { PartitionState } from '../src/storage/partition-state.js';
import { frameOf, groupOf } from './records.js';
import { kernel, TestStore, tagKeyOf } from './test-store.js';

const LENGTH = 60_000;

describe('entry slabs', () => {
  test('entry slabs: entries that are there at once do not share a byte', () => {
    const slabs = new EntrySlabs();
    const entries = Array.from({ length: 200 }, (_, i) => slabs.take(1 + ((i * 7919) % LENGTH)).fill(i));
    for (const [i, entry] of entries.entries()) expect(entry.every((byte) => byte === i)).toBe(true);
  });

  test('entry slabs: what is given back is used again, in the order in which it was taken', () => {
    const slabs = new EntrySlabs();
    const buffers = new Set<ArrayBufferLike>();
    const there: Buffer[] = [];
    for (let i = 0; i < 2000; i++) {
      const entry = slabs.take(LENGTH);
      buffers.add(entry.buffer);
      there.push(entry);
      if (there.length > 100) slabs.give(there.shift() as Buffer);
    }
    // 100 entries take six slabs, and one is being filled.
    expect(buffers.size).toBeLessThanOrEqual(8);
  });

  test('entry slabs: a slab is not used again while one of its entries is there', () => {
    const slabs = new EntrySlabs();
    const kept = slabs.take(100).fill(7);
    for (let i = 0; i < 100; i++) slabs.give(slabs.take(LENGTH).fill(9));
    expect(kept.every((byte) => byte === 7)).toBe(true);
  });

  test('entry slabs: a large entry has a buffer of its own', () => {
    const slabs = new EntrySlabs();
    const large = slabs.take(2 ** 20);
    expect(large.buffer.byteLength).toBe(2 ** 20);
    slabs.give(large);
    expect(slabs.take(10).buffer).not.toBe(large.buffer);
  });

  test('entry slabs: of many that were needed once only some are kept', () => {
    const slabs = new EntrySlabs();
    const many = Array.from({ length: 1000 }, () => slabs.take(LENGTH));
    const before = new Set(many.map(({ buffer }) => buffer));
    for (const entry of many) slabs.give(entry);
    const again = new Set(Array.from({ length: 1000 }, () => slabs.take(LENGTH).buffer));
    const kept = [...again].filter((buffer) => before.has(buffer)).length;
    expect(kept).toBeGreaterThan(0);
    expect(kept).toBeLessThan(before.size);
  });

  test('entry slabs: what the store has told of a record stays as it was when others lie in its place', async () => {
    await using opened = new TestStore();
    const { store } = opened;
    await store.apply([groupOf('p', [frameOf(1, 'v', { key: 'k' })])], []);
    const everything = { from: { counter: 1, origin: '' }, to: { counter: 2, origin: '' }, limit: 10 };
    const told = () => [
      store.keyStates('p', [putKey('k')]),
      store.readKeys('p', [putKey('k')], 1000),
      store.list('p', everything),
      store.readRange('p', everything, 1000),
      store.tail({ recordsMax: 10, bytesMax: 1000 }),
    ];
    const before = told();
    const kept = structuredClone(before);
    await store.cleaned();
    expect(before).toEqual(kept);
    expect(told()).toEqual(kept);
  });

  test('entry slabs: a batch that is sorted leaves no pointer to its message behind', () => {
    const state = new PartitionState('p', 1, tagKeyOf('p'));
    const append = { id: new Uint8Array(16).fill(1), attempt: 0 };
    const checked = checkGroups([groupOf('p', [frameOf(1, 'v', { append })])], () => state);
    const known = { find: () => undefined, holder: () => undefined };
    expect(sortArrivals(checked, { known, kernel, source: 'write' }).added).toBe(1);
    expect(checked[0]?.hasNewAppends).toBe(true);
    expect(state.batch.appends).toBeUndefined();
  });
});
