// The vectors of the sketch as checks.
import {
  type BytesText,
  bytesOf,
  type Case,
  expectEqual,
  expectUntouched,
  hex,
  type Refusable,
  untouched,
  wentThrough,
} from './cases.js';

/** The vectors of each call; an answer is absent where `error` is present. */
export interface SketchVectors {
  addToSketch: Refusable & {
    cells: BytesText;
    first: number;
    counters: number[];
    tags: BytesText;
    sign: 1 | -1;
    cellsOut?: string;
  };
  subtractSketch: Refusable & { cells: BytesText; other: BytesText; cellsOut?: string };
  peelSketch: Refusable & {
    cells: BytesText;
    items: BytesText;
    progress: number[];
    cellsOut?: string;
    itemsOut?: string;
    progressOut?: number[];
  };
  encodeSymbols: Refusable & {
    cells: BytesText;
    first: number;
    messageOutLength: number;
    message?: string;
  };
  decodeSymbols: Refusable & { message: BytesText; first: number; room: number; cells?: string };
}

const CELL_BYTES = 24;

export const sketchCases: {
  [Call in keyof SketchVectors]: (vector: SketchVectors[Call]) => Case['check'];
} = {
  addToSketch: (vector) => (kernel) => {
    const cells = bytesOf(vector.cells);
    const counters = Float64Array.from(vector.counters);
    const through = wentThrough(vector.error, () =>
      kernel.addToSketch(cells, vector.first, counters, bytesOf(vector.tags), vector.sign),
    );
    expectEqual(hex(cells), through ? vector.cellsOut : hex(bytesOf(vector.cells)));
  },

  subtractSketch: (vector) => (kernel) => {
    const cells = bytesOf(vector.cells);
    const through = wentThrough(vector.error, () => kernel.subtractSketch(cells, bytesOf(vector.other)));
    expectEqual(hex(cells), through ? vector.cellsOut : hex(bytesOf(vector.cells)));
  },

  peelSketch: (vector) => (kernel) => {
    const cells = bytesOf(vector.cells);
    const items = bytesOf(vector.items);
    const progress = Uint32Array.from(vector.progress);
    const through = wentThrough(vector.error, () => kernel.peelSketch(cells, items, progress));
    const expected = through
      ? [vector.cellsOut, vector.itemsOut, vector.progressOut]
      : [hex(bytesOf(vector.cells)), hex(bytesOf(vector.items)), vector.progress];
    expectEqual([hex(cells), hex(items), [...progress]], expected);
  },

  encodeSymbols: (vector) => (kernel) => {
    const out = untouched(vector.messageOutLength);
    let length = 0;
    const through = wentThrough(vector.error, () => {
      length = kernel.encodeSymbols(bytesOf(vector.cells), vector.first, out);
    });
    if (through) expectEqual(hex(out.subarray(0, length)), vector.message);
    expectUntouched(out.subarray(length));
  },

  decodeSymbols: (vector) => (kernel) => {
    const out = untouched(vector.room * CELL_BYTES);
    let symbols = 0;
    const through = wentThrough(vector.error, () => {
      symbols = kernel.decodeSymbols(bytesOf(vector.message), vector.first, out);
    });
    if (through) expectEqual(hex(out.subarray(0, symbols * CELL_BYTES)), vector.cells);
    expectUntouched(out.subarray(symbols * CELL_BYTES));
  },
};
