// Keys of appends: UUIDs of version 7 that ascend, whatever the clock does.
import { expect, test } from 'vitest';
import { AppendKeys } from '../src/append-keys.js';

const NOW_MS = Date.UTC(2026, 10, 26);
const hex = (key: Uint8Array) => Buffer.from(key).toString('hex');
const msOf = (key: Uint8Array) => Buffer.from(key).readUIntBE(0, 6);

function expectAscending(keys: readonly Uint8Array[]): void {
  const texts = keys.map(hex);
  expect(texts).toEqual([...texts].sort());
  expect(new Set(texts).size).toBe(texts.length);
  // Version 7, and the variant of RFC 9562.
  for (const text of texts) expect(text).toMatch(/^[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}$/);
}

test('append keys: they ascend within a millisecond and over several', () => {
  const made = new AppendKeys();
  const keys = Array.from({ length: 5000 }, (_, i) => made.make(NOW_MS + Math.floor(i / 1000)));
  expectAscending(keys);
  expect(new Set(keys.map(msOf))).toEqual(new Set([0, 1, 2, 3, 4].map((ms) => NOW_MS + ms)));
});

test('append keys: more than a millisecond has room for go on in the next one', () => {
  const made = new AppendKeys();
  const keys = Array.from({ length: 20_000 }, () => made.make(NOW_MS));
  expectAscending(keys);
  expect(msOf(keys.at(-1) as Uint8Array)).toBeLessThanOrEqual(NOW_MS + 10);
});

test('append keys: they ascend though the clock goes back', () => {
  const made = new AppendKeys();
  expectAscending([NOW_MS, NOW_MS - 60_000, NOW_MS - 60_000, NOW_MS + 1].map((ms) => made.make(ms)));
});

test('append keys: those of two processes differ', () => {
  const [a, b] = [new AppendKeys(), new AppendKeys()];
  const keys = Array.from({ length: 1000 }, () => [a.make(NOW_MS), b.make(NOW_MS)]).flat();
  expect(new Set(keys.map(hex)).size).toBe(2000);
});
