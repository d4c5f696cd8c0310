/**
 * A history from its bytes, piece by piece as they come from a file: only one line of text is held at a time, and
 * whatever is wrong with one is said with its number.
 */
import { MendlogError } from '@mendlog/core';
import { type History, HistoryCollector } from './history.js';
import { HISTORY_LIMITS } from './history-line.js';
import { parseLine } from './parse-line.js';

const LINE_FEED = 10;

export interface ReadOptions {
  readonly linesMax?: number;
  readonly lineBytesMax?: number;
}

/** Throws MALFORMED or TOO_LARGE; `details.line` and the message have the number of the line, from 1. */
export async function readHistory(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: ReadOptions = {},
): Promise<History> {
  const collector = new HistoryCollector(options);
  let number = 0;
  const takeLine = (pieces: readonly Uint8Array[]) => {
    number += 1;
    atLine(number, () => collector.add(parseLine(textOf(pieces))));
  };
  const bytesMax = options.lineBytesMax ?? HISTORY_LIMITS.lineBytesMax;
  let pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    let from = 0;
    while (from < chunk.length) {
      const feed = chunk.indexOf(LINE_FEED, from);
      const piece = chunk.subarray(from, feed === -1 ? chunk.length : feed);
      bytes += piece.length;
      if (bytes > bytesMax) throw tooLong(number + 1, bytesMax);
      pieces.push(piece);
      if (feed === -1) break;
      takeLine(pieces);
      pieces = [];
      bytes = 0;
      from = feed + 1;
    }
  }
  // A last line without a line feed counts as one: a file that was cut off in it does not parse.
  if (bytes > 0) takeLine(pieces);
  return collector.history();
}

function textOf(pieces: readonly Uint8Array[]): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(pieces));
  } catch (cause) {
    throw new MendlogError('MALFORMED', 'it is not UTF-8', { cause });
  }
}

function atLine(line: number, work: () => void): void {
  try {
    work();
  } catch (cause) {
    if (!(cause instanceof MendlogError)) throw cause;
    throw new MendlogError(cause.code, `line ${line}: ${cause.message}`, { details: { line }, cause });
  }
}

function tooLong(line: number, bytesMax: number): MendlogError {
  return new MendlogError('TOO_LARGE', `line ${line}: a line has at most ${bytesMax} bytes`, {
    details: { line },
  });
}
