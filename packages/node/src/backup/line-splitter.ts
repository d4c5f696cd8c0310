/** Lines of a stream of chunks, with their numbers, in bounded memory. */
import { LIMITS, MendlogError } from '@mendlog/core';

/** A value in base64, a key of which each byte may be escaped, and the rest of a record's line. */
const LINE_BYTES_MAX = 2 * LIMITS.valueBytesMax;
const LF = 10;

export type Chunks = AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string>;

export interface NumberedLine {
  readonly number: number;
  /** Without its LF. */
  readonly text: string;
}

/** A last line needs no LF, and an empty one is none. Throws MALFORMED. */
export async function* numberedLines(chunks: Chunks): AsyncGenerator<NumberedLine> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const textOf = (bytes: Uint8Array, number: number): NumberedLine => {
    try {
      return { number, text: decoder.decode(bytes) };
    } catch (cause) {
      throw malformed(number, 'it is not UTF-8', cause);
    }
  };
  let begun: Uint8Array[] = [];
  let begunBytes = 0;
  let number = 1;
  for await (const chunk of chunks) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    let start = 0;
    for (;;) {
      const end = bytes.indexOf(LF, start);
      const part = bytes.subarray(start, end === -1 ? bytes.length : end);
      begunBytes += part.length;
      if (begunBytes > LINE_BYTES_MAX) throw malformed(number, `it is longer than ${LINE_BYTES_MAX} bytes`);
      if (end === -1) {
        if (part.length > 0) begun.push(part);
        break;
      }
      yield textOf(begun.length === 0 ? part : Buffer.concat([...begun, part]), number++);
      begun = [];
      begunBytes = 0;
      start = end + 1;
    }
  }
  if (begunBytes > 0) yield textOf(Buffer.concat(begun), number);
}

/** A fault of one line. */
export function malformed(number: number, what: string, cause?: unknown): MendlogError {
  return new MendlogError('MALFORMED', `line ${number}: ${what}`, { details: { line: number }, cause });
}
