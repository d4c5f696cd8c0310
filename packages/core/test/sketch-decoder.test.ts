import { expect, test } from 'vitest';
import { CELL_BYTES, symbolsBytesMax } from '../src/digest/kernel.js';
import { SketchDecoder } from '../src/digest/sketch-decoder.js';
import { oracleKernel as kernel } from './oracle-kernel.js';

const SYMBOLS = 40;

/** The tag of a record is any bytes that its counter gives. */
function tagOf(counter: number): Uint8Array {
  const tag = new Uint8Array(16);
  const text = new TextEncoder().encode(String(counter));
  kernel.tags(new Uint8Array(32), text, Uint32Array.of(text.length), tag);
  return tag;
}

function sketchOf(counters: readonly number[]): Uint8Array {
  const cells = new Uint8Array(SYMBOLS * CELL_BYTES);
  const tags = Uint8Array.from(counters.flatMap((counter) => [...tagOf(counter)]));
  kernel.addToSketch(cells, 0, Float64Array.from(counters), tags, 1);
  return cells;
}

/** The symbols from `first` to before `end`, as cells and as the message that carries them. */
function piece(cells: Uint8Array, first: number, end: number) {
  const held = cells.slice(first * CELL_BYTES, end * CELL_BYTES);
  const out = new Uint8Array(symbolsBytesMax(end - first));
  return { cells: held, message: out.slice(0, kernel.encodeSymbols(held, first, out)) };
}

const here = sketchOf([1, 2, 3, 4, 500, 600, 2 ** 53 - 1]);
const there = sketchOf([2, 3, 4, 700, 800]);
const newDecoder = (symbolsMax = SYMBOLS) => new SketchDecoder(kernel, { symbolsMax });

test('sketch decoder: finds what each side lacks, as symbols arrive (differences=6, piece=5)', () => {
  const decoder = newDecoder();
  expect(decoder.complete).toBe(false);
  for (let first = 0; !decoder.complete; first += 5) {
    expect(decoder.symbols).toBe(first);
    decoder.push(piece(there, first, first + 5).message, piece(here, first, first + 5).cells);
  }
  const found = decoder.items().sort((left, right) => left.counter - right.counter);
  expect(found.map(({ counter, side }) => `${side} ${counter}`)).toEqual([
    'here 1',
    'here 500',
    'here 600',
    'there 700',
    'there 800',
    `here ${2 ** 53 - 1}`,
  ]);
  for (const { counter, tagPrefix } of found) expect(tagPrefix).toEqual(tagOf(counter).slice(0, 8));
});

test('sketch decoder: equal sets are complete with one symbol', () => {
  const decoder = newDecoder();
  expect(decoder.push(piece(here, 0, 1).message, here)).toBe(true);
  expect(decoder.items()).toEqual([]);
});

test('sketch decoder: symbols beyond the bound are TOO_LARGE (symbolsMax=3)', () => {
  const decoder = newDecoder(3);
  expect(decoder.push(piece(there, 0, 3).message, here)).toBe(false);
  expect(() => decoder.push(piece(there, 3, 6).message, piece(here, 3, 6).cells)).toThrow(
    expect.objectContaining({ code: 'TOO_LARGE' }),
  );
});

test('sketch decoder: a wrong message is MALFORMED and changes nothing', () => {
  const decoder = newDecoder();
  decoder.push(piece(there, 0, 5).message, here);
  const next = piece(there, 5, 10);
  const wrong = [
    new Uint8Array(0),
    next.message.slice(0, -1),
    piece(there, 6, 10).message,
    piece(there, 5, 11).message,
  ];
  for (const message of wrong) {
    expect(() => decoder.push(message, piece(here, 5, 10).cells)).toThrow(
      expect.objectContaining({ code: 'MALFORMED' }),
    );
    expect(decoder.symbols).toBe(5);
  }
  decoder.push(next.message, piece(here, 5, 10).cells);
  while (!decoder.complete) {
    const first = decoder.symbols;
    decoder.push(piece(there, first, first + 5).message, piece(here, first, first + 5).cells);
  }
  expect(decoder.items()).toHaveLength(6);
});

test('sketch decoder: symbols that contradict each other are MALFORMED', () => {
  // One record in the first symbol only, which belongs into others too.
  const contradictory = here.slice();
  contradictory.set(sketchOf([1, 2, 3, 4, 500, 600, 2 ** 53 - 1, 9]).subarray(0, CELL_BYTES));
  expect(() => newDecoder().push(piece(contradictory, 0, SYMBOLS).message, here)).toThrow(
    expect.objectContaining({ code: 'MALFORMED' }),
  );
});

test.each([
  ['on one side', 200, 0],
  ['on both sides alike', 100, 100],
  ['on both sides', 150, 30],
])('sketch decoder: a few symbols tell about how many differences there are (200 or so %s)', (_, a, b) => {
  const all = Array.from({ length: a + b }, (__, i) => 1000 + i);
  const decoder = newDecoder();
  decoder.push(piece(sketchOf(all.slice(a)), 0, SYMBOLS).message, sketchOf(all.slice(0, a)));
  expect(decoder.complete).toBe(false);
  expect(decoder.differencesEstimate).toBeGreaterThan((a + b) / 2);
  expect(decoder.differencesEstimate).toBeLessThan((a + b) * 2);
});
