/** Lines to write: of every length from none to some thousand bytes, with bytes that are no text. */
import type { Lines } from '../written.js';

export function madeLines(partitions: readonly string[], linesEach: number): Lines[] {
  return partitions.map((partition) => ({
    partition,
    lines: Array.from({ length: linesEach }, (_, i) => madeLine(partition, i)),
  }));
}

function madeLine(partition: string, i: number): Uint8Array {
  // Empty ones are records too, and may be equal; all others differ.
  if (i % 97 === 0) return new Uint8Array(0);
  const length = i % 89 === 0 ? 3000 : i % 160;
  return Buffer.concat([
    Buffer.from(`${partition} ${i} `),
    Buffer.alloc(length, i % 251),
    Buffer.from([0, 0xff, 0xc3, 0x28, 13]),
  ]);
}
