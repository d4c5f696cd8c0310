// Symbols and items on demand: bounded work a turn, and answers that add up.
import { describe, expect, test } from 'vitest';
import { answerItems, unreadItems } from '../src/anti-entropy/answer-items.js';
import { answerSymbols, heldRecords } from '../src/anti-entropy/answer-symbols.js';
import { LIMITS } from '../src/limits.js';
import type { VersionRange } from '../src/protocol/listing.js';
import { packRecordItems, unpackRecordItems } from '../src/protocol/record-items.js';
import { version } from './bytes.js';
import { entry, listing, tag } from './listings.js';
import { oracleKernel } from './oracle-kernel.js';

/** A store that holds one record a counter up to some, of one tag, and counts what is listed. */
function endlessStore(head: number) {
  const asked = { records: 0, ranges: 0 };
  const list = (_: string, { from, to, limit }: VersionRange) => {
    const last = Math.min(to.counter, head);
    const first = Math.max(1, from.origin === version(1).origin ? from.counter + 1 : from.counter);
    const count = Math.max(0, Math.min(limit, last - first + 1));
    asked.records += count;
    asked.ranges++;
    const entries = Array.from({ length: count }, (__, i) => entry(version(first + i), 7));
    return listing(entries, first + count <= last);
  };
  return { asked, list };
}

/** Runs it to its end, and returns the most that was read between two pauses. */
function mostPerTurn(work: Generator<void, unknown>, asked: { records: number; ranges: number }) {
  const most = { records: 0, ranges: 0 };
  for (;;) {
    const before = { ...asked };
    const { done } = work.next();
    most.records = Math.max(most.records, asked.records - before.records);
    most.ranges = Math.max(most.ranges, asked.ranges - before.ranges);
    if (done === true) return most;
  }
}

describe('symbols on demand', () => {
  test('symbols: a range of any size is read a few thousand records a turn, and left at the limit', () => {
    for (const work of ['held', 'symbols'] as const) {
      const { asked, list } = endlessStore(10_000_000);
      const question = { partition: 'p', segments: [{ from: 0, to: 1_000_000 }], first: 0, symbols: 1 };
      const made =
        work === 'held' ? heldRecords({ list }, question) : answerSymbols({ list }, oracleKernel, question);
      const most = mostPerTurn(made, asked);
      expect(most.records).toBeLessThanOrEqual(2 * LIMITS.batchRecordsMax);
      expect(asked.records).toBeLessThanOrEqual(LIMITS.sketchRecordsMax + LIMITS.batchRecordsMax);
    }
  });

  test('symbols: of ranges with nothing in them a few are read a turn', () => {
    const { asked, list } = endlessStore(0);
    const segments = Array.from({ length: LIMITS.rangesMax }, (_, i) => ({ from: 2 * i, to: 2 * i }));
    const most = mostPerTurn(heldRecords({ list }, { partition: 'p', segments }), asked);
    expect(most.ranges).toBeLessThanOrEqual(64);
    expect(asked.ranges).toBe(LIMITS.rangesMax);
  });
});

describe('items', () => {
  test('items: they are the same again once unpacked', () => {
    const items = [
      { counter: 1, tagPrefix: tag(3).slice(0, 8) },
      { counter: Number.MAX_SAFE_INTEGER, tagPrefix: tag(255).slice(0, 8) },
    ];
    expect(unpackRecordItems(packRecordItems(items))).toEqual(items);
    expect(unpackRecordItems(new Uint8Array(0))).toEqual([]);
  });

  test('items: bytes that are none are refused', () => {
    const code = (bytes: Uint8Array) => {
      try {
        return unpackRecordItems(bytes).length;
      } catch (error) {
        return error;
      }
    };
    expect(code(new Uint8Array(15))).toMatchObject({ code: 'MALFORMED' });
    expect(code(new Uint8Array(16).fill(255))).toMatchObject({ code: 'MALFORMED' });
    expect(code(new Uint8Array(16 * LIMITS.recordItemsMax))).toBe(LIMITS.recordItemsMax);
    expect(code(new Uint8Array(16 * (LIMITS.recordItemsMax + 1)))).toMatchObject({ code: 'TOO_LARGE' });
  });

  test('items: what is listed and cannot be read is neither given nor vanished', () => {
    const { list } = endlessStore(100);
    const store = { list, readVersions: () => [], readRange: () => ({ frames: [], truncated: false }) };
    const items = [5, 50, 500].map((counter) => ({ counter, tagPrefix: tag(7) }));
    const answer = answerItems(store, 'p', items);
    expect(answer).toEqual({ frames: [], answered: 3, vanished: 1 });
    expect(unreadItems(3, answer)).toBe(2);
  });

  test.each([
    ['answers nothing', { frames: [], answered: 0, vanished: 0 }],
    ['answers more than was asked for', { frames: [], answered: 4, vanished: 0 }],
    ['gives more than it answers', { frames: [tag(1), tag(2)], answered: 1, vanished: 0 }],
    ['says of what it gives that it has vanished', { frames: [tag(1)], answered: 1, vanished: 1 }],
    ['answers a part of one', { frames: [], answered: 0.5, vanished: 0 }],
    ['says no number', { frames: [], answered: Number.NaN, vanished: 0 }],
    ['says that fewer than none have vanished', { frames: [tag(1), tag(2)], answered: 1, vanished: -1 }],
  ])('items: an answer that %s is refused', (_, answer) => {
    expect(() => unreadItems(3, answer)).toThrow(expect.objectContaining({ code: 'MALFORMED' }));
  });
});
