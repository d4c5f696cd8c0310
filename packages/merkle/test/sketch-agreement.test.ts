// On random sets the kernels agree about every buffer, and what a sketch finds is the difference of the sets.
import type { DigestKernel } from '@mendlog/core';
import { symbolsBytesMax } from '@mendlog/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hex } from './cases.js';
import { KERNELS, oracleKernel } from './vectors.js';

const CELL_BYTES = 24;

interface Item {
  readonly counter: number;
  readonly prefix: bigint;
}

const item: fc.Arbitrary<Item> = fc.record({
  counter: fc.maxSafeNat(),
  prefix: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
});
const itemSet = (size: number) =>
  fc.uniqueArray(item, { maxLength: size, selector: ({ counter, prefix }) => `${counter} ${prefix}` });

function add(kernel: DigestKernel, cells: Uint8Array, items: readonly Item[], sign: 1 | -1, first = 0): void {
  const counters = Float64Array.from(items, ({ counter }) => counter);
  const tags = new BigUint64Array(items.flatMap(({ prefix }) => [prefix, 7n]));
  kernel.addToSketch(cells, first, counters, new Uint8Array(tags.buffer), sign);
}

function sketch(kernel: DigestKernel, symbols: number, items: readonly Item[]): Uint8Array {
  const cells = new Uint8Array(symbols * CELL_BYTES);
  add(kernel, cells, items, 1);
  return cells;
}

/** The items as text, each with its side, in order. */
function listed(items: Uint8Array, found: number): string[] {
  const view = new DataView(items.buffer, items.byteOffset, items.byteLength);
  const list = Array.from({ length: found }, (_, i) => {
    const at = i * CELL_BYTES;
    const count = view.getInt32(at + 16, true);
    const counter = BigInt.asUintN(64, BigInt(count) * view.getBigUint64(at, true)) >> 8n;
    const prefix = BigInt.asUintN(64, BigInt(count) * view.getBigUint64(at + 8, true));
    return `${count} ${counter} ${prefix}`;
  });
  return list.sort();
}

/** Refusals are compared by their class, buffers by their bytes. */
function outcomeOf(call: () => unknown): unknown {
  try {
    return call();
  } catch (thrown) {
    return thrown instanceof Error ? thrown.constructor : thrown;
  }
}

test('sketch: kernels agree about cells and messages, and removal undoes addition (random items)', () => {
  fc.assert(
    fc.property(itemSet(30), fc.nat(40), fc.nat(60), (items, symbols, first) => {
      const answers = KERNELS.map((kernel) => {
        const cells = new Uint8Array(symbols * CELL_BYTES);
        add(kernel, cells, items, 1, first);
        const message = new Uint8Array(symbolsBytesMax(symbols));
        const length = kernel.encodeSymbols(cells, first, message);
        const decoded = new Uint8Array(cells.length);
        expect(kernel.decodeSymbols(message.subarray(0, length), first, decoded)).toBe(symbols);
        expect(hex(decoded)).toBe(hex(cells));
        add(kernel, cells, items.toReversed(), -1, first);
        expect(cells.every((byte) => byte === 0)).toBe(true);
        return hex(message);
      });
      expect(new Set(answers).size).toBe(1);
    }),
  );
});

test('sketch: what comes out is the difference of two sets, however the symbols arrive (random sets)', () => {
  const pieces = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(itemSet(40), itemSet(8), itemSet(8), pieces, (shared, left, right, pieces) => {
      const all = new Set(
        [...shared, ...left, ...right].map(({ counter, prefix }) => `${counter} ${prefix}`),
      );
      fc.pre(all.size === shared.length + left.length + right.length);
      const expected = [
        ...left.map(({ counter, prefix }) => `1 ${counter} ${prefix}`),
        ...right.map(({ counter, prefix }) => `-1 ${counter} ${prefix}`),
      ].sort();
      const symbols = pieces.reduce((sum, piece) => sum + piece, 0);
      const answers = KERNELS.map((kernel) => {
        const difference = sketch(kernel, symbols, [...shared, ...left]);
        kernel.subtractSketch(difference, sketch(kernel, symbols, [...right, ...shared]));
        const cells = difference.slice();
        const items = new Uint8Array(cells.length);
        const progress = new Uint32Array(3);
        let end = 0;
        for (const piece of pieces) {
          end += piece;
          kernel.peelSketch(
            cells.subarray(0, end * CELL_BYTES),
            items.subarray(0, end * CELL_BYTES),
            progress,
          );
        }
        const found = listed(items, progress[1] ?? 0);
        if (progress[2] === 0) expect(found).toEqual(expected);
        expect(expected).toEqual(expect.arrayContaining(found));
        return [hex(cells), hex(items), ...progress];
      });
      expectAgreement(answers);
    }),
  );
});

test('sketch: kernels agree about symbols that were tampered with (random bytes changed)', () => {
  const change = fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 }));
  fc.assert(
    fc.property(itemSet(12), fc.array(change, { minLength: 1, maxLength: 3 }), (items, changes) => {
      const message = new Uint8Array(symbolsBytesMax(20));
      const length = oracleKernel.encodeSymbols(sketch(oracleKernel, 20, items), 0, message);
      const tampered = message.slice(0, length);
      for (const [at, flip] of changes) tampered[at % length] = (tampered[at % length] ?? 0) ^ flip;
      const answers = KERNELS.map((kernel) =>
        outcomeOf(() => {
          const cells = new Uint8Array(20 * CELL_BYTES);
          const symbols = kernel.decodeSymbols(tampered, 0, cells);
          const held = cells.subarray(0, symbols * CELL_BYTES);
          const found = new Uint8Array(held.length);
          const progress = new Uint32Array(3);
          kernel.peelSketch(held, found, progress);
          return [hex(held), hex(found), ...progress];
        }),
      );
      expectAgreement(answers);
    }),
  );
});

function expectAgreement([first, ...others]: readonly unknown[]): void {
  for (const other of others) expect(other).toEqual(first);
}
