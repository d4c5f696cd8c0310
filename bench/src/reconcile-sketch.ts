/** Mendlog's sketch of all records, alone: symbols made from the items, asked for as a session does, without a bound. */
import { CELL_BYTES, type DigestKernel, SketchDecoder, symbolsBytesMax } from '@mendlog/core';
import type { Reconciliation } from './reconciliation.js';
import { milliseconds, type Records } from './records.js';

const SYMBOLS_MAX = 65_536;

export function reconcileWithSketch(kernel: DigestKernel, here: Records, there: Records): Reconciliation {
  const sketch = (first: number, symbols: number, { counters, tags }: Records) => {
    const cells = new Uint8Array(symbols * CELL_BYTES);
    kernel.addToSketch(cells, first, counters, tags, 1);
    return cells;
  };
  const decoder = new SketchDecoder(kernel, { symbolsMax: SYMBOLS_MAX });
  const gap = Math.abs(here.counters.length - there.counters.length);
  let wanted = Math.max(16, Math.ceil(1.35 * gap + 4 * Math.sqrt(gap)));
  let bytes = 0;
  const [, cpuMs] = milliseconds(() => {
    for (; !decoder.complete; wanted = Math.max(48, Math.ceil(1.5 * wanted))) {
      const first = decoder.symbols;
      const message = new Uint8Array(symbolsBytesMax(wanted - first));
      const length = kernel.encodeSymbols(sketch(first, wanted - first, there), first, message);
      bytes += length;
      decoder.push(message.subarray(0, length), sketch(first, wanted - first, here));
    }
  });
  return { bytes, cpuMs, buildMs: 0, found: decoder.items().length };
}
