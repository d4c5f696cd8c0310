import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareTags, type ListingEntry } from '../src/protocol/listing.js';
import { mergeListings } from '../src/quorum/range-read.js';
import {
  compareVersions,
  formatVersion,
  VERSION_HIGHEST,
  versionAfter,
  versionBefore,
} from '../src/version.js';
import { version } from './bytes.js';
import { entry, everything, listing } from './listings.js';

const textOf = (entries: readonly ListingEntry[]) =>
  entries.map(({ version, tag }) => `${version.counter}:${tag[0]}`);

function merge(replicas: Record<string, ReturnType<typeof listing>>, limit = 100) {
  const answer = mergeListings(new Map(Object.entries(replicas)), everything(limit));
  const missing = Object.fromEntries(
    [...answer.missing].map(([name, lacked]) => [name, lacked.map((v) => v.counter)]),
  );
  return { answer, missing, entries: textOf(answer.entries) };
}

describe('range read', () => {
  test('range read: what any replica holds is in the answer, and missing where it is not', () => {
    const { answer, entries, missing } = merge({
      a: listing([entry(version(1)), entry(version(3))]),
      b: listing([entry(version(2)), entry(version(3))]),
      c: listing([]),
    });
    expect(entries).toEqual(['1:0', '2:0', '3:0']);
    expect(missing).toEqual({ a: [2], b: [1], c: [1, 2, 3] });
    expect(answer.next).toBeUndefined();
    expect(answer.holders(version(3))).toEqual(['a', 'b']);
    expect(answer.holders(version(9))).toEqual([]);
  });

  test('range read: equal replicas lack nothing', () => {
    const held = listing([entry(version(1)), entry(version(2))]);
    expect(merge({ a: held, b: held })).toMatchObject({ missing: {}, entries: ['1:0', '2:0'] });
    expect(merge({ a: listing([]), b: listing([]) })).toMatchObject({ missing: {}, entries: [] });
  });

  test('range read: of one version with two tags the higher wins, and its loser is missing it', () => {
    const { answer, entries, missing } = merge({
      a: listing([entry(version(1), 5)]),
      b: listing([entry(version(1), 9)]),
      c: listing([entry(version(1), 9)]),
    });
    expect(entries).toEqual(['1:9']);
    expect(missing).toEqual({ a: [1] });
    expect(answer.holders(version(1))).toEqual(['b', 'c']);
  });

  test('range read: a truncated listing proves nothing beyond its end', () => {
    const { answer, entries, missing } = merge({
      a: listing([entry(version(1)), entry(version(2))], true),
      b: listing([entry(version(2)), entry(version(3)), entry(version(4))]),
    });
    // Whether a holds 3 and 4 is not known: neither is answered, and a is not said to lack them.
    expect(entries).toEqual(['1:0', '2:0']);
    expect(missing).toEqual({ b: [1] });
    expect(answer.next).toEqual(versionAfter(version(2)));
  });

  test('range read: the limit cuts the answer, and what is missing with it', () => {
    const { answer, entries, missing } = merge(
      { a: listing([1, 3].map((i) => entry(version(i)))), b: listing([2, 3].map((i) => entry(version(i)))) },
      2,
    );
    expect(entries).toEqual(['1:0', '2:0']);
    expect(missing).toEqual({ a: [2], b: [1] });
    expect(answer.next).toEqual(versionAfter(version(2)));
  });

  test('range read: from the end on, what is proven reaches down to the last of a truncated listing', () => {
    const downward = (counters: readonly number[], truncated = false) =>
      listing(
        counters.map((counter) => entry(version(counter))),
        truncated,
      );
    const listings = new Map([
      ['a', downward([9, 7], true)],
      ['b', downward([8, 7, 5, 2])],
    ]);
    const range = { ...everything(10), descending: true };
    const answer = mergeListings(listings, range);
    expect(textOf(answer.entries)).toEqual(['9:0', '8:0', '7:0']);
    expect(answer.next).toEqual(versionBefore(version(7)));
    const short = new Map([
      ['a', downward([9, 7], true)],
      ['b', downward([8, 7], true)],
    ]);
    const cut = mergeListings(short, { ...range, limit: 2 });
    expect(cut.next).toEqual(versionBefore(version(8)));
    // Nothing is left where all below is trimmed, or before the range.
    const trimmed = new Map([...listings].map(([node, one]) => [node, { ...one, trimmedTo: 7 }]));
    expect(mergeListings(trimmed, range)).toMatchObject({ next: undefined, trimmedTo: 7 });
    expect(mergeListings(short, { ...range, from: version(7) }).next).toBeUndefined();
  });

  test('range read: what lies below any watermark is gone, and missing nowhere', () => {
    const { answer, entries, missing } = merge({
      a: { ...listing([entry(version(3))]), trimmedTo: 2 },
      b: listing([entry(version(1)), entry(version(2)), entry(version(3)), entry(version(4))]),
    });
    expect(entries).toEqual(['3:0', '4:0']);
    expect(missing).toEqual({ a: [4] });
    expect(answer.trimmedTo).toBe(2);
  });

  test('range read: a page of nothing but trimmed records is skipped, up to the watermark', () => {
    const behind = listing([entry(version(1)), entry(version(2))], true);
    const { answer, entries } = merge({ a: { ...listing([]), trimmedTo: 1000 }, b: behind });
    expect(entries).toEqual([]);
    expect(answer.next).toEqual(version(1001, 0));
    const all = { ...listing([]), trimmedTo: Number.MAX_SAFE_INTEGER };
    expect(merge({ a: all, b: behind }).answer.next?.counter).toBe(Number.MAX_SAFE_INTEGER);
  });

  test('range read: a range that was answered to its end has no next page', () => {
    const range = { from: version(1), to: version(2), limit: 2 };
    const full = listing([entry(version(1)), entry(version(2))], true);
    expect(mergeListings(new Map([['a', full]]), range).next).toBeUndefined();
    expect(versionAfter(VERSION_HIGHEST)).toBeUndefined();
  });

  test('range read: a partition is known where any replica holds records above every watermark', () => {
    const empty = listing([]);
    const held = { ...empty, head: 5 };
    const trimmed = { ...empty, head: 5, trimmedTo: 5 };
    for (const [a, b, isKnown] of [
      [empty, empty, false],
      [empty, held, true],
      [trimmed, trimmed, false],
      // It was away while all was trimmed.
      [trimmed, held, false],
      [trimmed, { ...empty, head: 6 }, true],
    ] as const) {
      expect(merge({ a, b }).answer.isKnown).toBe(isKnown);
    }
  });

  test('range read: a malformed listing spoils the answer', () => {
    const bad = listing([entry(version(2)), entry(version(1))]);
    expect(() => merge({ a: listing([]), b: bad })).toThrow(expect.objectContaining({ code: 'MALFORMED' }));
  });

  test('range read: the answer is a prefix of the union of what the replicas hold (random sets, limits)', () => {
    const held = fc.uniqueArray(
      fc
        .tuple(fc.integer({ min: 1, max: 12 }), fc.nat(1), fc.nat(2))
        .map(([counter, origin, tagByte]) => entry(version(counter, origin), tagByte)),
      { selector: ({ version }) => formatVersion(version), maxLength: 14 },
    );
    // Each replica lists at most so many, and says so where it holds more.
    const replica = fc.tuple(held, fc.integer({ min: 1, max: 16 }));
    const limits = fc.integer({ min: 1, max: 30 });
    fc.assert(
      fc.property(fc.array(replica, { minLength: 1, maxLength: 4 }), limits, (replicas, limit) => {
        const ascending = (entries: readonly ListingEntry[]) =>
          [...entries].sort((a, b) => compareVersions(a.version, b.version));
        const sets = replicas.map(([entries]) => ascending(entries));
        const listings = new Map(
          replicas.map(([, own], i) => {
            const all = sets[i] ?? [];
            const most = Math.min(own, limit);
            return [`r${i}`, listing(all.slice(0, most), all.length > most)];
          }),
        );
        const union = new Map<string, ListingEntry>();
        for (const entry of sets.flat()) {
          const known = union.get(formatVersion(entry.version));
          if (known === undefined || compareTags(known.tag, entry.tag) < 0) {
            union.set(formatVersion(entry.version), entry);
          }
        }
        const whole = ascending([...union.values()]);

        const answer = mergeListings(listings, everything(limit));
        expect(answer.entries).toEqual(whole.slice(0, answer.entries.length));
        expect(answer.entries.length).toBeLessThanOrEqual(limit);
        if (answer.next === undefined) expect(answer.entries).toHaveLength(whole.length);
        // A reader that goes on gets further, and misses nothing.
        if (whole.length > 0) expect(answer.entries.length).toBeGreaterThan(0);
        const last = answer.entries.at(-1);
        if (answer.next !== undefined && last !== undefined) {
          expect(compareVersions(answer.next, last.version)).toBe(1);
          const after = whole[answer.entries.length];
          if (after !== undefined) expect(compareVersions(answer.next, after.version)).toBeLessThanOrEqual(0);
        }
        const holds = (set: readonly ListingEntry[], entry: ListingEntry) =>
          set.some(
            (own) =>
              compareVersions(own.version, entry.version) === 0 && compareTags(own.tag, entry.tag) === 0,
          );
        for (const [i, set] of sets.entries()) {
          const lacked = answer.entries.filter((entry) => !holds(set, entry)).map(({ version }) => version);
          expect(answer.missing.get(`r${i}`) ?? []).toEqual(lacked);
        }
        for (const entry of answer.entries) {
          const holders = sets.flatMap((set, i) => (holds(set, entry) ? [`r${i}`] : []));
          expect(answer.holders(entry.version)).toEqual(holders);
        }
      }),
    );
  });
});
