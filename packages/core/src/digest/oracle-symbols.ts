/**
 * The oracle's messages of symbols; crates/merkle/src/symbols.rs gives the format.
 *
 *   version u8 = 1 | first varint | symbols varint | symbol ...
 *   symbol: counters (7 bytes) | tag prefixes (8) | high half of the seals (4) | count (zigzag varint)
 */

import { symbolsBytesMax } from './kernel.js';
import { checkLength } from './oracle-bytes.js';
import { type Cell, countOf } from './oracle-cells.js';

const VERSION = 1n;
const VARINT_BYTES_MAX = 5;

export function encodeSymbols(cells: readonly Cell[], first: number, messageOut: Uint8Array): number {
  checkLength('messageOut', messageOut.length, symbolsBytesMax(cells.length));
  const message = [
    ...littleEndian(VERSION, 1),
    ...varint(BigInt(first)),
    ...varint(BigInt(cells.length)),
    ...cells.flatMap((cell, i) => [
      ...littleEndian(cell.counters >> 8n, 7),
      ...littleEndian(cell.tags, 8),
      ...littleEndian(cell.seals >> 32n, 4),
      ...varint(zigzag(BigInt.asIntN(32, countOf(cell) - expectedCount(cells[i - 1], first + i)))),
    ]),
  ];
  messageOut.set(message);
  return message.length;
}

export function decodeSymbols(message: Uint8Array, first: number, room: number): Cell[] {
  let at = 0;
  const take = (length: number): bigint => {
    const bytes = message.subarray(at, at + length);
    if (bytes.length < length) throw malformed('ends too early');
    at += length;
    return bytes.reduceRight((number, byte) => (number << 8n) | BigInt(byte), 0n);
  };
  const takeVarint = (): bigint => {
    let number = 0n;
    for (let i = 0; i < VARINT_BYTES_MAX; i++) {
      const byte = take(1);
      number |= (byte & 0x7fn) << BigInt(7 * i);
      if (byte >= 0x80n) continue;
      if ((byte === 0n && i > 0) || number >= 2n ** 32n) throw malformed('holds a number not in its form');
      return number;
    }
    throw malformed(`holds a number of more than ${VARINT_BYTES_MAX} bytes`);
  };

  if (take(1) !== VERSION) throw malformed('has an unknown version');
  if (takeVarint() !== BigInt(first)) throw malformed('begins with another symbol than was expected');
  const symbols = takeVarint();
  if (symbols > room) throw malformed('holds more symbols than there is room for');
  const cells: Cell[] = [];
  for (let i = 0; i < symbols; i++) {
    const [counters, tags, checks] = [take(7), take(8), take(4)];
    const count = expectedCount(cells.at(-1), first + i) + unzigzag(takeVarint());
    cells.push({ counters: counters << 8n, tags, seals: (checks << 32n) | BigInt.asUintN(32, count) });
  }
  if (at !== message.length) throw malformed('goes on after its last symbol');
  return cells;
}

/** The count that symbol `index` is expected to have after the symbol before it. */
function expectedCount(before: Cell | undefined, index: number): bigint {
  return before === undefined ? 0n : (countOf(before) * BigInt(index + 1)) / BigInt(index + 2);
}

function littleEndian(number: bigint, length: number): number[] {
  return Array.from({ length }, (_, i) => Number((number >> BigInt(8 * i)) & 0xffn));
}

function varint(number: bigint): number[] {
  return number < 0x80n ? [Number(number)] : [Number(number & 0x7fn) | 0x80, ...varint(number >> 7n)];
}

function zigzag(number: bigint): bigint {
  return number < 0n ? -2n * number - 1n : 2n * number;
}

function unzigzag(number: bigint): bigint {
  return number % 2n === 0n ? number / 2n : -(number + 1n) / 2n;
}

function malformed(reason: string): RangeError {
  return new RangeError(`the message of symbols ${reason}`);
}
