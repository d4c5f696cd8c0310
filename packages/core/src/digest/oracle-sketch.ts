/** The oracle's sketch: cells that items enter and leave, and peeling, which takes them out of a difference. */

import { CELL_BYTES, type DigestKernel, PROGRESS_LENGTH, SKETCH_SYMBOLS_MAX, TAG_BYTES } from './kernel.js';
import { checkLength, checkPacked, readU64, unitsOf } from './oracle-bytes.js';
import {
  addCells,
  type Cell,
  cellOf,
  countOf,
  EMPTY_CELL,
  equalCells,
  readCell,
  writeCell,
} from './oracle-cells.js';
import { indexesOf, itemHash } from './oracle-mapping.js';
import { decodeSymbols, encodeSymbols } from './oracle-symbols.js';

type SketchCalls = Pick<
  DigestKernel,
  'addToSketch' | 'subtractSketch' | 'peelSketch' | 'encodeSymbols' | 'decodeSymbols'
>;

export const oracleSketch: SketchCalls = {
  addToSketch(cells, first, counters, tags, sign) {
    const end = checkSymbols('cells', first, cells);
    checkLength('tags', tags.length, counters.length * TAG_BYTES);
    checkSign(sign);
    for (const [i, counter] of counters.entries()) {
      if (!Number.isSafeInteger(counter) || counter < 0) {
        throw new TypeError(`counters[${i}] is not an integer from 0 to 2^53 - 1`);
      }
    }
    const changed = readCells(cells);
    for (const [i, counter] of counters.entries()) {
      const tagPrefix = readU64(tags, i * TAG_BYTES);
      addItem(changed, first, cellOf(BigInt(counter), tagPrefix), BigInt(sign), end);
    }
    writeCells(cells, changed);
  },

  subtractSketch(cells, other) {
    checkSymbols('cells', 0, cells);
    checkLength('other', other.length, cells.length);
    const subtracted = readCells(other);
    writeCells(
      cells,
      readCells(cells).map((cell, i) => addCells(cell, subtracted[i] ?? EMPTY_CELL, -1n)),
    );
  },

  peelSketch(cells, items, progress) {
    const symbols = checkSymbols('cells', 0, cells);
    checkLength('items', items.length, cells.length);
    checkLength('progress', progress.length, PROGRESS_LENGTH);
    const [peeled = 0, foundBefore = 0] = progress;
    if (peeled > symbols || foundBefore > symbols) {
      throw new TypeError(`progress says ${peeled} symbols and ${foundBefore} items: there are ${symbols}`);
    }
    const rest = readCells(cells);
    const seen = new Set<string>();
    const note = (item: Cell) => {
      const before = seen.size;
      if (seen.add(identity(item).join()).size === before) {
        throw new RangeError(`the symbols show the item of counter ${identity(item)[0]} twice`);
      }
    };
    for (const [i, item] of readCells(items).slice(0, foundBefore).entries()) {
      if (!holdsOneItem(item)) throw new TypeError(`item ${i} is none that peeling wrote`);
      note(item);
      addItem(rest, 0, item, -1n, symbols, peeled);
    }

    const found: Cell[] = [];
    // The last one is looked at first.
    const waiting = [...rest.keys()].reverse();
    for (let symbol = waiting.pop(); symbol !== undefined; symbol = waiting.pop()) {
      const item = rest[symbol];
      if (item === undefined || !holdsOneItem(item)) continue;
      if (seen.size === symbols) {
        throw new RangeError(`the ${symbols} symbols show more items than there are symbols`);
      }
      note(item);
      waiting.push(...addItem(rest, 0, item, -1n, symbols));
      if (!equalCells(rest[symbol] ?? EMPTY_CELL, EMPTY_CELL)) {
        throw new RangeError(`symbol ${symbol} shows an item that does not belong to it`);
      }
      found.push(item);
    }

    found.sort((left, right) => compareIdentities(identity(left), identity(right)));
    writeCells(cells, rest);
    writeCells(items.subarray(foundBefore * CELL_BYTES), found);
    progress.set([symbols, seen.size, rest.filter((cell) => !equalCells(cell, EMPTY_CELL)).length]);
  },

  encodeSymbols(cells, first, messageOut) {
    checkSymbols('cells', first, cells);
    return encodeSymbols(readCells(cells), first, messageOut);
  },

  decodeSymbols(message, first, cellsOut) {
    const end = checkSymbols('cellsOut', first, cellsOut);
    const cells = decodeSymbols(message, first, end - first);
    writeCells(cellsOut, cells);
    return cells.length;
  },
};

/**
 * Adds `factor` times the item's cell to all its symbols from `from` to `end`; `cells[0]` is symbol
 * `first`. Returns the symbols changed.
 */
function addItem(
  cells: Cell[],
  first: number,
  item: Cell,
  ...[factor, end, from = first]: [factor: bigint, end: number, from?: number]
): number[] {
  const symbols = indexesOf(itemHash(...identity(item)), end).filter((symbol) => symbol >= from);
  for (const symbol of symbols) {
    cells[symbol - first] = addCells(cells[symbol - first] ?? EMPTY_CELL, item, factor);
  }
  return symbols;
}

/** Counter and tag prefix of a cell that holds one item, of whichever sign. */
function identity(cell: Cell): [counter: bigint, tagPrefix: bigint] {
  const positive = countOf(cell) < 0n ? addCells(EMPTY_CELL, cell, -1n) : cell;
  return [positive.counters >> 8n, positive.tags];
}

function compareIdentities(left: [bigint, bigint], right: [bigint, bigint]): number {
  const [a, b] = left[0] === right[0] ? [left[1], right[1]] : [left[0], right[0]];
  return a < b ? -1 : a > b ? 1 : 0;
}

function holdsOneItem(cell: Cell): boolean {
  const count = countOf(cell);
  if (count !== 1n && count !== -1n) return false;
  const [counter, tagPrefix] = identity(cell);
  const alone = addCells(EMPTY_CELL, cellOf(counter, tagPrefix), count);
  return counter <= BigInt(Number.MAX_SAFE_INTEGER) && equalCells(cell, alone);
}

/** The index after the last symbol. */
function checkSymbols(buffer: string, first: number, cells: Uint8Array): number {
  checkPacked(buffer, cells.length, CELL_BYTES);
  const end = first + cells.length / CELL_BYTES;
  if (!Number.isInteger(first) || first < 0 || end > SKETCH_SYMBOLS_MAX) {
    throw new TypeError(`symbols from ${first} to ${end}: expected them from 0 to ${SKETCH_SYMBOLS_MAX}`);
  }
  return end;
}

function checkSign(sign: number): void {
  if (sign !== 1 && sign !== -1) throw new TypeError(`sign is ${String(sign)}: expected 1 or -1`);
}

function readCells(bytes: Uint8Array): Cell[] {
  return unitsOf(bytes, CELL_BYTES).map(readCell);
}

function writeCells(bytes: Uint8Array, cells: readonly Cell[]): void {
  for (const [i, cell] of cells.entries()) writeCell(bytes.subarray(i * CELL_BYTES), cell);
}
