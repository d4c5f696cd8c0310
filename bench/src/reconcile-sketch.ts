/**
 * Mendlog's sketch, as the planner asks for it: symbols that are maintained are at hand, those beyond are made from the
 * items.
 */
import { CELL_BYTES, type DigestKernel, planDiff, SketchDecoder, symbolsBytesMax } from '@mendlog/core';
import type { Reconciliation } from './reconciliation.js';
import { milliseconds, type Records } from './records.js';

const RECORD_BYTES = 256;
const SYMBOLS_MAX = 65_536;

export function reconcileWithSketch(
  kernel: DigestKernel,
  { here, there, maintained }: { here: Records; there: Records; maintained: number },
): Reconciliation {
  const sketch = (first: number, symbols: number, { counters, tags }: Records) => {
    const cells = new Uint8Array(symbols * CELL_BYTES);
    kernel.addToSketch(cells, first, counters, tags, 1);
    return cells;
  };
  const [own, buildMs] = milliseconds(() => sketch(0, maintained, here));
  const others = sketch(0, maintained, there);
  const decoder = new SketchDecoder(kernel, { symbolsMax: SYMBOLS_MAX });
  let bytes = 0;
  const exchange = (first: number, ownCells: Uint8Array, otherCells: Uint8Array) => {
    const message = new Uint8Array(symbolsBytesMax(otherCells.length / CELL_BYTES));
    const length = kernel.encodeSymbols(otherCells, first, message);
    bytes += length;
    decoder.push(message.subarray(0, length), ownCells);
  };
  const [, cpuMs] = milliseconds(() => {
    while (!decoder.complete) {
      const first = decoder.symbols;
      const plan = planDiff({
        recordsHere: here.counters.length,
        recordsThere: there.counters.length,
        recordBytes: RECORD_BYTES,
        sketchSymbols: SYMBOLS_MAX,
        symbolsTried: first,
        sketchWrong: false,
        rangeKnown: false,
      });
      if (plan.method !== 'sketch') throw new Error(`the planner chose ${plan.method}: ${plan.reason}`);
      const kept = Math.max(0, Math.min(first + plan.symbols, maintained) - first);
      const range = [first * CELL_BYTES, (first + kept) * CELL_BYTES] as const;
      if (kept > 0) exchange(first, own.slice(...range), others.slice(...range));
      const made = plan.symbols - kept;
      if (made > 0)
        exchange(first + kept, sketch(first + kept, made, here), sketch(first + kept, made, there));
    }
  });
  return { bytes, cpuMs, buildMs, found: decoder.items().length };
}
