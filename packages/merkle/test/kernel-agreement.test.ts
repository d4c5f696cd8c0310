// Beyond the vectors: on random batches the compiled kernels and the oracle agree byte for byte.
import type { DigestKernel } from '@mendlog/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hex } from './cases.js';
import { KERNELS } from './vectors.js';

const words = (values: readonly bigint[]) => new Uint8Array(BigUint64Array.from(values).buffer);
const word = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const key = fc.uint8Array({ minLength: 32, maxLength: 32 });
const frameList = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 });

test('kernels: tags agree (random frames)', () => {
  fc.assert(
    fc.property(key, frameList, (key, frames) => {
      const answers = KERNELS.map((kernel) => tagsOf(kernel, key, frames));
      expect(new Set(answers).size).toBe(1);
    }),
  );
});

test('kernels: tags of groups agree, and are those of a call a group (random keys and frames)', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(key, frameList), { maxLength: 8 }), (groups) => {
      const frames = groups.flatMap(([, frames]) => frames);
      const groupEnds = endsOf(groups.map(([, frames]) => frames));
      const keys = joined(groups.map(([key]) => key));
      const answers = KERNELS.flatMap((kernel) => {
        const out = new Uint8Array(frames.length * 16);
        kernel.groupTags(keys, groupEnds, joined(frames), endsOf(frames), out);
        return [hex(out), groups.map(([key, frames]) => tagsOf(kernel, key, frames)).join('')];
      });
      expect(new Set(answers).size).toBe(1);
    }),
  );
});

test('kernels: groups are refused alike, and then nothing is written (random ends)', () => {
  // Small numbers, so that the groups cover the frames sometimes.
  const ends = fc.array(fc.nat(3), { maxLength: 4 });
  fc.assert(
    fc.property(ends, ends, fc.nat(3), (groupEnds, ends, framesBytes) => {
      const answers = KERNELS.map((kernel) => {
        const out = new Uint8Array(ends.length * 16);
        const outcome = outcomeOf(() =>
          kernel.groupTags(
            new Uint8Array(groupEnds.length * 32),
            Uint32Array.from(groupEnds),
            new Uint8Array(framesBytes),
            Uint32Array.from(ends),
            out,
          ),
        );
        if (outcome !== undefined) expect(out).toEqual(new Uint8Array(out.length));
        return [outcome, hex(out)];
      });
      expectAgreement(answers);
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

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** Where each part ends when they lie one after the other. */
function endsOf(parts: readonly { readonly length: number }[]): Uint32Array {
  let end = 0;
  return Uint32Array.from(parts, (part) => {
    end += part.length;
    return end;
  });
}

function tagsOf(kernel: DigestKernel, key: Uint8Array, frames: readonly Uint8Array[]): string {
  const out = new Uint8Array(frames.length * 16);
  kernel.tags(key, joined(frames), endsOf(frames), out);
  return hex(out);
}

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
