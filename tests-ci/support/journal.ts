// Reads what write-journal.c wrote down, and builds what a disk may hold after a power cut at some point of it.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const HEAD_BYTES = 16;
const SECTOR_BYTES = 512;

interface Operation {
  readonly kind: 'write' | 'truncate' | 'flush';
  readonly isDurable: boolean;
  readonly path: string;
  /** Offset of a write, length of a truncate, where a flush began in the journal. */
  readonly number: number;
  readonly data: Buffer;
  /** Where it lies in the journal. */
  readonly at: number;
}

export function readJournal(path: string): Operation[] {
  const bytes = readFileSync(path);
  const operations: Operation[] = [];
  for (let at = 0; at + HEAD_BYTES <= bytes.length; ) {
    const pathBytes = bytes.readUInt16LE(at + 2);
    const dataBytes = bytes.readUInt32LE(at + 4);
    const dataAt = at + HEAD_BYTES + pathBytes;
    operations.push({
      kind: (['write', 'truncate', 'flush'] as const)[bytes.readUInt8(at) - 1] ?? 'write',
      isDurable: bytes.readUInt8(at + 1) === 1,
      path: bytes.toString('utf8', at + HEAD_BYTES, dataAt),
      number: Number(bytes.readBigUInt64LE(at + 8)),
      data: bytes.subarray(dataAt, dataAt + dataBytes),
      at,
    });
    at = dataAt + dataBytes;
  }
  return operations;
}

/**
 * Writes the files as they may be when the power goes after the first `count` operations: a file has all
 * that was written before a flush of it began that had ended; of what came later each write is there, or not,
 * or up to a sector. `draw` gives a number from 0 up to its argument.
 */
export function afterPowerCut(
  operations: readonly Operation[],
  count: number,
  { folder, draw }: { folder: string; draw: (below: number) => number },
): void {
  const before = operations.slice(0, count);
  const flushedTo = new Map<string, number>();
  for (const { kind, path, number } of before) if (kind === 'flush') flushedTo.set(path, number);
  const files = new Map<string, Buffer>();
  for (const { kind, isDurable, path, number, data, at } of before) {
    if (kind === 'flush') continue;
    const isKept = isDurable || at < (flushedTo.get(path) ?? 0);
    const file = files.get(path) ?? Buffer.alloc(0);
    if (kind === 'truncate') {
      files.set(path, resized(file, number));
      continue;
    }
    const share = isKept ? 2 : draw(3);
    const sectors = Math.floor(data.length / SECTOR_BYTES);
    const length = [0, SECTOR_BYTES * draw(sectors + 1), data.length][share] ?? data.length;
    if (length === 0) continue;
    const room = file.length >= number + length ? file : resized(file, number + length);
    data.copy(room, number, 0, length);
    files.set(path, room);
  }
  for (const [path, bytes] of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), bytes);
  }
}

function resized(file: Buffer, length: number): Buffer {
  const other = Buffer.alloc(length);
  file.copy(other);
  return other;
}
