// Every kernel gives the answers of the vectors, and refuses what they say must be refused.
import { describe, expect, test } from 'vitest';
import { bytesOf, hex, KERNELS, readVectors } from './vectors.js';

const UNTOUCHED = 0xa5;
const UNTOUCHED_INDEX = -1;

const untouched = (length: number) => new Uint8Array(length).fill(UNTOUCHED);

/** Makes the call, or checks that it is refused with the error named. Returns whether it went through. */
function wentThrough(error: 'TypeError' | 'RangeError' | undefined, call: () => void): boolean {
  if (error === undefined) {
    call();
    return true;
  }
  expect(call).toThrow(error === 'TypeError' ? TypeError : RangeError);
  return false;
}

for (const kernel of KERNELS) {
  describe(`${kernel.kind} kernel`, () => {
    for (const vector of readVectors('deriveKey')) {
      test(`deriveKey: ${vector.name}`, () => {
        expect(hex(kernel.deriveKey(vector.context, bytesOf(vector.material)))).toBe(vector.key);
      });
    }

    for (const vector of readVectors('tags')) {
      test(`tags: ${vector.name}`, () => {
        const frames = Uint8Array.from(vector.frames.flatMap((frame) => [...bytesOf(frame)]));
        const out = untouched(vector.tagsOutLength);
        const through = wentThrough(vector.error, () =>
          kernel.tags(bytesOf(vector.key), frames, Uint32Array.from(vector.ends), out),
        );
        expect(hex(out)).toBe(through ? vector.tagsOut : hex(untouched(out.length)));
      });
    }

    for (const vector of readVectors('addTags')) {
      test(`addTags: ${vector.name}`, () => {
        const rows = bytesOf(vector.rows);
        const through = wentThrough(vector.error, () =>
          kernel.addTags(rows, Uint32Array.from(vector.rowOf), bytesOf(vector.tags), vector.sign),
        );
        expect(hex(rows)).toBe(through ? vector.rowsOut : hex(bytesOf(vector.rows)));
      });
    }

    for (const vector of readVectors('sumRows')) {
      test(`sumRows: ${vector.name}`, () => {
        const out = untouched(vector.rowOutLength);
        const through = wentThrough(vector.error, () => kernel.sumRows(bytesOf(vector.rows), out));
        expect(hex(out)).toBe(through ? vector.rowOut : hex(untouched(out.length)));
      });
    }

    for (const vector of readVectors('diffRows')) {
      test(`diffRows: ${vector.name}`, () => {
        const out = new Float64Array(vector.capacity).fill(UNTOUCHED_INDEX);
        let found = 0;
        const through = wentThrough(vector.error, () => {
          found = kernel.diffRows(bytesOf(vector.left), bytesOf(vector.right), out);
        });
        const indexes = through ? vector.indexes : [];
        expect([...out.subarray(0, found)]).toEqual(indexes);
        expect(out.subarray(found).every((index) => index === UNTOUCHED_INDEX)).toBe(true);
      });
    }

    for (const vector of readVectors('merkleTree')) {
      test(`merkleTree: ${vector.name}`, () => {
        const key = bytesOf(vector.key);
        const out = untouched(vector.nodesOutLength);
        const through = wentThrough(vector.error, () =>
          kernel.merkleTree(key, bytesOf(vector.leafRows), vector.depth, out),
        );
        if (!through) {
          expect(hex(out)).toBe(hex(untouched(out.length)));
          return;
        }
        const tag = new Uint8Array(16);
        kernel.tags(key, out, Uint32Array.of(out.length), tag);
        expect(hex(out.subarray(0, 32))).toBe(vector.root);
        expect(hex(tag)).toBe(vector.nodesTag);
        if (vector.nodes !== undefined) expect(hex(out)).toBe(vector.nodes);
      });
    }

    test.each([-1, 0.5, 2 ** 32, Number.NaN])(
      'merkleTree: depth is no small natural number (depth=%s)',
      (depth) => {
        const nodes = untouched(32);
        expect(() => kernel.merkleTree(new Uint8Array(32), new Uint8Array(24), depth, nodes)).toThrow(
          TypeError,
        );
        expect(hex(nodes)).toBe(hex(untouched(32)));
      },
    );
  });
}
