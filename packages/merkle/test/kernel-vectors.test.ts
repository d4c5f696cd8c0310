// Every kernel gives the answers of the vectors, and refuses what they say must be refused.
import { describe, expect, test } from 'vitest';
import { expectUntouched, untouched } from './cases.js';
import { CASES, KERNELS } from './vectors.js';

const NO_UINT32 = [-1, 0.5, 2 ** 32, Number.NaN];

for (const kernel of KERNELS) {
  describe(`${kernel.kind} kernel`, () => {
    for (const { name, check } of CASES) test(name, () => check(kernel));

    test.each(NO_UINT32)('merkleTree: depth is no small natural number (depth=%s)', (depth) => {
      const nodes = untouched(32);
      expect(() => kernel.merkleTree(new Uint8Array(32), new Uint8Array(24), depth, nodes)).toThrow(
        TypeError,
      );
      expectUntouched(nodes);
    });

    test.each(NO_UINT32)('trees: leaf or depth is no small natural number (it=%s)', (it) => {
      const nodes = new Uint8Array(32);
      const calls = [
        () => kernel.diffTrees(nodes, nodes, it, new Uint32Array(1)),
        () => kernel.merklePath(nodes, it, 0, new Uint8Array(0)),
        () => kernel.merklePath(nodes, 0, it, new Uint8Array(0)),
        () => kernel.verifyPath(nodes, new Uint8Array(24), it, new Uint8Array(0), nodes),
      ];
      for (const call of calls) expect(call).toThrow(TypeError);
    });

    test.each([-1, 0, 0.5, 2 ** 53, Number.NaN])(
      'foldRows: span is no positive integer (span=%s)',
      (span) => {
        expect(() => kernel.foldRows(new Uint8Array(32), span, new Uint8Array(24))).toThrow(TypeError);
      },
    );

    test.each(NO_UINT32)('sketch: first is no index of a symbol (first=%s)', (first) => {
      const cells = new Uint8Array(24);
      const calls = [
        () => kernel.addToSketch(cells, first, Float64Array.of(1), new Uint8Array(16), 1),
        () => kernel.encodeSymbols(cells, first, new Uint8Array(31)),
        () => kernel.decodeSymbols(Uint8Array.of(1, 0, 0), first, cells),
      ];
      for (const call of calls) expect(call).toThrow(TypeError);
      expect(cells).toEqual(new Uint8Array(24));
    });
  });
}
