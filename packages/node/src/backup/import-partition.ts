/** Brings the lines of an exported partition into a store. */
import { type ApplyResult, LIMITS, MendlogError, packItems, type Store } from '@mendlog/core';
import { type Chunks, malformed, type NumberedLine, numberedLines } from './line-splitter.js';
import { readHeader, readLine } from './partition-lines.js';

export interface ImportOptions {
  /** The partition that the lines have to be of. */
  readonly partition?: string | undefined;
  readonly onProgress?: ((records: number) => void) | undefined;
}

export interface ImportResult {
  readonly partition: string;
  /** Records that were read. */
  readonly records: number;
  /** Those that were not there before. */
  readonly added: number;
  /** The store's trim watermark, where some records lay at or below it and were left out; else 0. */
  readonly trimmedTo: number;
  /** The same of its fence: such records come too late. */
  readonly fencedTo: number;
}

/**
 * Applies batch after batch, each flushed before more is read. Rejects with MALFORMED and the number of a line that
 * cannot be used, with BAD_REQUEST where the lines are of another partition, and as Store.apply() does. What was
 * applied until then stays; to import it again adds nothing.
 */
export async function importPartition(
  store: Store,
  chunks: Chunks,
  { partition: expected, onProgress }: ImportOptions = {},
): Promise<ImportResult> {
  let batch: Batch | undefined;
  let end: { readonly records: number; readonly number: number } | undefined;
  let last = 0;
  for await (const line of numberedLines(chunks)) {
    last = line.number;
    if (end !== undefined)
      throw malformed(line.number, `nothing follows the last line, which is ${end.number}`);
    if (batch === undefined) {
      const { partition } = read(line, readHeader);
      checkPartition(partition, expected);
      batch = new Batch(store, partition);
      continue;
    }
    const content = read(line, readLine);
    if ('records' in content) {
      if (content.records !== batch.records)
        throw malformed(line.number, `it counts ${content.records} records, and there are ${batch.records}`);
      end = { records: content.records, number: line.number };
    } else if (batch.add(content.frame)) {
      await batch.apply();
      onProgress?.(batch.records);
    }
  }
  if (batch === undefined) throw malformed(1, 'there is none: the first line names the partition');
  await batch.apply();
  if (end === undefined)
    throw malformed(last + 1, `the last line is missing: the export was cut after ${batch.records} records`);
  onProgress?.(batch.records);
  return batch.result();
}

/** Records that are applied together, and what became of them. */
class Batch {
  readonly #store: Store;
  readonly #partition: string;
  #frames: Uint8Array[] = [];
  #bytes = 0;
  #added = 0;
  #trimmedTo = 0;
  #fencedTo = 0;
  records = 0;

  constructor(store: Store, partition: string) {
    this.#store = store;
    this.#partition = partition;
  }

  /** Whether it is full. */
  add(frame: Uint8Array): boolean {
    this.#frames.push(frame);
    this.#bytes += frame.length;
    this.records++;
    return this.#frames.length >= LIMITS.batchRecordsMax || this.#bytes >= LIMITS.batchBytesTarget;
  }

  async apply(): Promise<void> {
    if (this.#frames.length === 0) return;
    const { added, trimmed, fenced }: ApplyResult = await this.#store.apply(
      [packItems(this.#partition, this.#frames)],
      [],
    );
    this.#added += added;
    for (const { trimmedTo } of trimmed) this.#trimmedTo = trimmedTo;
    for (const { fencedTo } of fenced) this.#fencedTo = fencedTo;
    this.#frames = [];
    this.#bytes = 0;
  }

  result(): ImportResult {
    return {
      partition: this.#partition,
      records: this.records,
      added: this.#added,
      trimmedTo: this.#trimmedTo,
      fencedTo: this.#fencedTo,
    };
  }
}

function checkPartition(partition: string, expected: string | undefined): void {
  if (expected === undefined || partition === expected) return;
  throw new MendlogError('BAD_REQUEST', `the export is of partition ${partition}, not of ${expected}`);
}

/** Whatever is wrong with a line, its number is named. A TypeError is what a record with two keys is. */
function read<Content>({ number, text }: NumberedLine, of: (text: string) => Content): Content {
  try {
    return of(text);
  } catch (cause) {
    if (cause instanceof MendlogError && cause.code === 'FORMAT_UNKNOWN') throw cause;
    if (cause instanceof MendlogError || cause instanceof TypeError)
      throw malformed(number, cause.message, cause);
    throw cause;
  }
}
