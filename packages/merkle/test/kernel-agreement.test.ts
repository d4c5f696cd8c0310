// Beyond the vectors: on random batches the compiled kernels and the oracle agree byte for byte.
import type { DigestKernel } from '@mendlog/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hex } from './cases.js';
import { KERNELS } from './vectors.js';

const words = (values: readonly bigint[]) => new Uint8Array(BigUint64Array.from(values).buffer);
const word = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const key = fc.uint8Array({ minLength: 32, maxLength: 32 });

test('kernels: tags agree (random frames)', () => {
  fc.assert(
    fc.property(key, fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 }), (key, frames) => {
      let end = 0;
      const ends = Uint32Array.from(frames, (frame) => {
        end += frame.length;
        return end;
      });
      const answers = KERNELS.map((kernel) => {
        const out = new Uint8Array(frames.length * 16);
        kernel.tags(key, Uint8Array.from(frames.flatMap((frame) => [...frame])), ends, out);
        return hex(out);
      });
      expect(new Set(answers).size).toBe(1);
    }),
  );
});

test('kernels: rows agree, and removal in any order undoes addition (random tags)', () => {
  const rowsCount = 4;
  const tagged = fc.tuple(fc.nat(rowsCount - 1), word, word);
  const scenario = fc
    .array(tagged, { maxLength: 30 })
    .chain((tagged) =>
      fc.tuple(fc.constant(tagged), fc.shuffledSubarray(tagged, { minLength: tagged.length })),
    );
  fc.assert(
    fc.property(scenario, ([added, removed]) => {
      const answers = KERNELS.map((kernel) => {
        const rows = new Uint8Array(rowsCount * 24);
        const sum = new Uint8Array(24);
        kernel.addTags(
          rows,
          Uint32Array.from(added, ([row]) => row),
          words(added.flatMap(([, a, b]) => [a, b])),
          1,
        );
        kernel.sumRows(rows, sum);
        const full = hex(rows) + hex(sum);
        kernel.addTags(
          rows,
          Uint32Array.from(removed, ([row]) => row),
          words(removed.flatMap(([, a, b]) => [a, b])),
          -1,
        );
        expect(rows.every((byte) => byte === 0)).toBe(true);
        return full;
      });
      expect(new Set(answers).size).toBe(1);
    }),
  );
});

test('kernels: diffs agree (random lists of rows)', () => {
  // Small indexes and lanes, so that the two lists meet often and are equal sometimes.
  const list = fc
    .uniqueArray(fc.tuple(fc.nat(20), fc.nat(1)), { selector: ([index]) => index, maxLength: 20 })
    .map((rows) => rows.sort(([a], [b]) => a - b))
    .map((rows) => words(rows.flatMap(([index, lane]) => [BigInt(index), BigInt(lane), 0n, 0n])));
  fc.assert(
    fc.property(list, list, fc.nat(12), (left, right, capacity) => {
      const answers = KERNELS.map((kernel) => {
        const out = new Float64Array(capacity);
        return [kernel.diffRows(left, right, out), ...out];
      });
      expectAgreement(answers);
    }),
  );
});

test('kernels: no bytes that a peer could send do more than be refused (random bytes)', () => {
  const bytes = fc.uint8Array({ maxLength: 200 });
  fc.assert(
    fc.property(bytes, bytes, fc.nat(8), fc.nat(40), (left, right, capacity, depth) => {
      const calls: ((kernel: DigestKernel) => unknown)[] = [
        (kernel) => kernel.diffRows(left, right, new Float64Array(capacity)),
        (kernel) => kernel.sumRows(left, new Uint8Array(24)),
        (kernel) => kernel.merkleTree(new Uint8Array(32), left, depth, right.slice()),
        (kernel) => kernel.addTags(left.slice(), Uint32Array.from(right), right, -1),
      ];
      for (const call of calls) {
        const answers = KERNELS.map((kernel) => outcomeOf(() => call(kernel)));
        expectAgreement(answers);
      }
    }),
  );
});

function outcomeOf(call: () => unknown): unknown {
  try {
    return call();
  } catch (thrown) {
    return thrown instanceof Error ? thrown.constructor : thrown;
  }
}

function expectAgreement([first, ...others]: readonly unknown[]): void {
  for (const other of others) expect(other).toEqual(first);
}
