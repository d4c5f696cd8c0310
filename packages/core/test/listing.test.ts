import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MendlogError } from '../src/errors.js';
import { compareTags, listingEntries, sameTag } from '../src/protocol/listing.js';
import { version } from './bytes.js';
import { entry, everything, listing, tag } from './listings.js';

test('listing: entries come back in order', () => {
  const entries = [entry(version(1, 2), 7), entry(version(1, 3), 8), entry(version(2, 0), 9)];
  expect(listingEntries(listing(entries), everything())).toEqual(entries);
  expect(listingEntries(listing(entries, true), everything())).toEqual(entries);
  expect(listingEntries(listing([]), everything())).toEqual([]);
});

test.each([
  ['repeated', [entry(version(1)), entry(version(1))]],
  ['repeated with another tag', [entry(version(1), 1), entry(version(1), 2)]],
  ['descending by counter', [entry(version(2)), entry(version(1))]],
  ['descending by origin', [entry(version(1, 2)), entry(version(1, 1))]],
])('listing: entries that do not ascend are MALFORMED (%s)', (_, entries) => {
  expect(() => listingEntries(listing(entries), everything())).toThrow(
    expect.objectContaining({ code: 'MALFORMED' }),
  );
});

test('listing: cut inside an entry it is MALFORMED (every length)', () => {
  const whole = listing([entry(version(1)), entry(version(2))]);
  const { entries } = whole;
  for (let length = 0; length <= entries.length; length++) {
    const read = () => listingEntries({ ...whole, entries: entries.subarray(0, length) }, everything());
    if (length % 32 === 0) expect(read()).toHaveLength(length / 32);
    else expect(read).toThrow(expect.objectContaining({ code: 'MALFORMED' }));
  }
});

test('listing: truncated to nothing it is MALFORMED, since it would never go on', () => {
  expect(() => listingEntries(listing([], true), everything())).toThrow(
    expect.objectContaining({ code: 'MALFORMED' }),
  );
});

test('listing: what was not asked for is MALFORMED', () => {
  const range = { from: version(2, 5), to: version(4, 5), limit: 2 };
  const read = (...entries: ReturnType<typeof entry>[]) => listingEntries(listing(entries), range);
  expect(read(entry(version(2, 5)), entry(version(4, 5)))).toHaveLength(2);
  for (const answer of [
    [entry(version(2, 4))],
    [entry(version(4, 6))],
    [entry(version(2, 5)), entry(version(3)), entry(version(4))],
  ]) {
    expect(() => read(...answer)).toThrow(expect.objectContaining({ code: 'MALFORMED' }));
  }
});

test('listing: of a descending range entries descend, and others are MALFORMED', () => {
  const range = { ...everything(), descending: true };
  const [low, high] = [entry(version(2)), entry(version(3))];
  expect(listingEntries(listing([high, low]), range)).toHaveLength(2);
  for (const answer of [
    [low, high],
    [low, low],
  ]) {
    expect(() => listingEntries(listing(answer), range)).toThrow(
      expect.objectContaining({ code: 'MALFORMED' }),
    );
  }
});

test('listing: any bytes are ascending entries or MALFORMED (random bytes)', () => {
  const words = fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { maxLength: 4 });
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 100 }),
    words.map((entries) => Uint8Array.from(entries.flatMap((entry) => [0, 0, ...entry.subarray(2)]))),
  );
  fc.assert(
    fc.property(bytes, fc.boolean(), (entries, truncated) => {
      try {
        const given = { ...listing([]), entries, truncated };
        expect(listing(listingEntries(given, everything()), truncated)).toMatchObject({ entries, truncated });
      } catch (error) {
        if (!(error instanceof MendlogError)) throw error;
        expect(error.code).toBe('MALFORMED');
      }
    }),
  );
});

test('tags: order is that of their bytes', () => {
  const last = (byte: number) => Uint8Array.from({ length: 16 }, (_, i) => (i === 15 ? byte : 0));
  expect(sameTag(tag(3), tag(3))).toBe(true);
  expect(sameTag(last(0), last(1))).toBe(false);
  expect(compareTags(last(200), last(100))).toBeGreaterThan(0);
  expect(compareTags(tag(0), last(1))).toBeLessThan(0);
});
