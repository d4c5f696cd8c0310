// The catalog and retention: which entry stays, and how far the oldest records go.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type CatalogEntry,
  catalogEntryText,
  checkPartitionOptions,
  mergeEntries,
  type PartitionOptions,
} from '../src/catalog/catalog-entry.js';
import { type RetainedRecord, retentionCut } from '../src/catalog/retention.js';
import { version } from './bytes.js';

const entryOf = (counter: number, origin: number, maxRecords?: number): CatalogEntry => ({
  partition: 'orders',
  version: version(counter, origin),
  exists: true,
  options: { retention: { maxRecords } },
  floor: 0,
});

describe('catalog', () => {
  test('catalog: the entry of the higher version stays, whichever came first', () => {
    const [older, newer, tied] = [entryOf(1, 9), entryOf(2, 1), entryOf(2, 2)];
    for (const [a, b, stays] of [
      [older, newer, newer],
      [newer, tied, tied],
    ] as const) {
      expect(mergeEntries(a, b)).toEqual(stays);
      expect(mergeEntries(b, a)).toEqual(stays);
    }
  });

  test('catalog: a floor never falls, whichever entry stays; two entries of one version end as one', () => {
    const dropped: CatalogEntry = { ...entryOf(1, 1), exists: false, options: {}, floor: 9 };
    const anew = entryOf(2, 1, 5);
    for (const merged of [mergeEntries(dropped, anew), mergeEntries(anew, dropped)])
      expect(merged).toEqual({ ...anew, floor: 9 });
    const [one, other] = [entryOf(1, 1, 1), entryOf(1, 1, 2)];
    expect(mergeEntries(one, other)).toEqual(mergeEntries(other, one));
  });

  test('catalog: entries in any order end as the same one (random orders)', () => {
    const entries = fc.array(
      fc
        .tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 3 }))
        .map(([c, o]) => ({ ...entryOf(c, o, c * 10 + o), floor: (c * o) % 4 })),
      { minLength: 1, maxLength: 8 },
    );
    fc.assert(
      fc.property(
        entries.chain((all) =>
          fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })),
        ),
        ([all, shuffled]) => {
          expect(shuffled.reduce(mergeEntries)).toEqual(all.reduce(mergeEntries));
        },
      ),
    );
  });

  test('catalog: entries that differ in anything have different texts', () => {
    const base: CatalogEntry = {
      partition: 'a',
      version: version(1, 1),
      exists: true,
      options: {},
      floor: 0,
    };
    const entries: CatalogEntry[] = [
      base,
      { ...base, partition: 'b' },
      { ...base, version: version(2, 1) },
      { ...base, exists: false },
      { ...base, floor: 1 },
      { ...base, options: { replicationFactor: 1 } },
      { ...base, options: { consistency: 'ONE' } },
      { ...base, options: { retention: { maxAgeMs: 1 } } },
      { ...base, options: { retention: { maxRecords: 1 } } },
      { ...base, options: { retention: { maxBytes: 1 } } },
    ];
    expect(new Set(entries.map(catalogEntryText)).size).toBe(entries.length);
  });

  test('catalog: options that cannot be kept are refused (nodes=3)', () => {
    const cluster = { nodes: 3, replicationFactor: 2 };
    const kept: PartitionOptions = {
      replicationFactor: 3,
      consistency: 'THREE',
      retention: { maxAgeMs: 1 },
    };
    expect(() => checkPartitionOptions(kept, cluster)).not.toThrow();
    const refused: [PartitionOptions, string][] = [
      [{ replicationFactor: 4 }, 'TOO_FEW_NODES'],
      [{ consistency: 'THREE' }, 'TOO_FEW_NODES'],
      [{ retention: {} }, 'BAD_REQUEST'],
      [{ retention: { maxAgeMs: undefined } }, 'BAD_REQUEST'],
    ];
    for (const [options, code] of refused) {
      expect(() => checkPartitionOptions(options, cluster)).toThrow(expect.objectContaining({ code }));
    }
  });
});

describe('retention', () => {
  const records = (...counters: number[]): RetainedRecord[] =>
    counters.map((counter) => ({ counter, timeMs: counter * 100, bytes: 10 }));

  test.each([
    ['nothing is over any limit', { maxRecords: 5, maxBytes: 50, maxAgeMs: 1000 }, undefined],
    ['two records are too many', { maxRecords: 3 }, 2],
    ['bytes are too many by a part of one record', { maxBytes: 41 }, 1],
    ['three are too old', { maxAgeMs: 300 }, 3],
    ['the strictest limit counts', { maxRecords: 4, maxBytes: 20, maxAgeMs: 400 }, 3],
    ['nothing is kept', { maxRecords: 0 }, 5],
    ['no limit', {}, undefined],
  ])('retention: %s', (_, retention, cut) => {
    expect(retentionCut(records(1, 2, 3, 4, 5), { records: 5, bytes: 50 }, retention, 650)).toBe(cut);
  });

  test('retention: it stops at the first record that stays, though an older clock wrote a later one', () => {
    const [first, second] = records(1, 2);
    const drifted = [
      { ...first, timeMs: 500 },
      { ...second, timeMs: 0 },
    ] as RetainedRecord[];
    expect(retentionCut(drifted, { records: 2, bytes: 20 }, { maxAgeMs: 200 }, 600)).toBeUndefined();
  });

  test('retention: records that share a counter go together or stay together', () => {
    const shared = records(1, 2, 2, 3);
    expect(retentionCut(shared, { records: 4, bytes: 40 }, { maxRecords: 2 }, 0)).toBe(1);
    expect(retentionCut(shared, { records: 4, bytes: 40 }, { maxRecords: 1 }, 0)).toBe(2);
    expect(retentionCut(records(2, 2), { records: 2, bytes: 20 }, { maxRecords: 1 }, 0)).toBeUndefined();
  });

  test('retention: never cuts what the limits keep (random partitions)', () => {
    const sizes = fc.array(
      fc.record({ counter: fc.integer({ min: 1, max: 30 }), timeMs: fc.nat(100), bytes: fc.nat(50) }),
      {
        maxLength: 20,
      },
    );
    const limits = fc.record({ maxRecords: fc.nat(20), maxBytes: fc.nat(500), maxAgeMs: fc.nat(100) });
    fc.assert(
      fc.property(sizes, limits, (unsorted, retention) => {
        const all = [...unsorted].sort((a, b) => a.counter - b.counter);
        const held = { records: all.length, bytes: all.reduce((sum, { bytes }) => sum + bytes, 0) };
        const cut = retentionCut(all, held, retention, 100);
        const kept = all.filter(({ counter }) => counter > (cut ?? 0));
        const bytesKept = kept.reduce((sum, { bytes }) => sum + bytes, 0);
        const [last] = all.filter(({ counter }) => counter <= (cut ?? 0)).slice(-1);
        // The last one that went had to go: with it, one limit was passed.
        if (last !== undefined) {
          const passed =
            kept.length + 1 > retention.maxRecords ||
            bytesKept + last.bytes > retention.maxBytes ||
            100 - last.timeMs > retention.maxAgeMs;
          expect(passed).toBe(true);
        }
      }),
    );
  });
});
