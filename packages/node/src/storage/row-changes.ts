/** Tags on their way into and out of digest rows: one call of the kernel a level, whatever the partitions. */
import { DIGEST_LAYOUT, type DigestKernel, ROW_BYTES, rowSpan, TAG_BYTES } from '@mendlog/core';
import type { Run } from './located-record.js';

interface SignedTag {
  readonly bytes: Uint8Array;
  readonly at: number;
  /** -1 takes the tag out. */
  readonly sign: 1 | -1;
  /** When the record was written, where the rows are to know. */
  readonly timeMs?: number;
}

/** Tags back to back, and of each the place of its counter in `RowChanges`. */
class TagList {
  #places: Uint32Array;
  #tags: Uint8Array;
  #view: DataView;
  #count = 0;

  constructor(capacity: number) {
    this.#places = new Uint32Array(capacity);
    this.#tags = new Uint8Array(capacity * TAG_BYTES);
    this.#view = new DataView(this.#tags.buffer);
  }

  add(from: DataView, at: number, place: number): void {
    if (this.#count === this.#places.length) this.#grow();
    const to = this.#count * TAG_BYTES;
    for (let i = 0; i < TAG_BYTES; i += 4) this.#view.setUint32(to + i, from.getUint32(at + i));
    this.#places[this.#count++] = place;
  }

  apply(kernel: DigestKernel, rows: Uint8Array, { rowOf, sign }: { rowOf: Uint32Array; sign: 1 | -1 }): void {
    const count = this.#count;
    if (count === 0) return;
    // Where all tags go one way their places are 0, 1, 2, ...
    const rowOfTag =
      count === rowOf.length ? rowOf : this.#places.slice(0, count).map((place) => rowOf[place] as number);
    kernel.addTags(rows, rowOfTag, this.#tags.subarray(0, count * TAG_BYTES), sign);
  }

  #grow(): void {
    const capacity = Math.max(4, 2 * this.#places.length);
    const [places, tags] = [this.#places, this.#tags];
    this.#places = new Uint32Array(capacity);
    this.#places.set(places);
    this.#tags = new Uint8Array(capacity * TAG_BYTES);
    this.#tags.set(tags);
    this.#view = new DataView(this.#tags.buffer);
  }
}

/** The rows that changed: `rows` packed, each with its partition and index. */
export interface ChangedRows {
  readonly rows: Uint8Array;
  readonly partitionIds: readonly number[];
  readonly indexes: readonly number[];
  /** Of each row the times of the records that came in; a window that ends before it begins where nothing is known. */
  readonly fromMs: readonly number[];
  readonly toMs: readonly number[];
}

type ReadRow = (partitionId: number, index: number, out: Uint8Array) => void;

/** Wider than every counter: one row holds them all. */
const ALL_COUNTERS = 2 ** 53;

export class RowChanges {
  #partitionIds: Float64Array;
  #counters: Float64Array;
  #times: Float64Array;
  #count = 0;
  readonly #in: TagList;
  readonly #out = new TagList(0);

  /** So many records come in, about. */
  constructor(capacity = 4) {
    this.#partitionIds = new Float64Array(capacity);
    this.#counters = new Float64Array(capacity);
    this.#times = new Float64Array(capacity);
    this.#in = new TagList(capacity);
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** Calls come in ascending order of partition, then counter. The tag lies in `bytes` from `at` on. */
  add(partitionId: number, counter: number, { bytes, at, sign, timeMs = Number.NaN }: SignedTag): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    (sign === 1 ? this.#in : this.#out).add(view, at, this.#count);
    this.#note(partitionId, counter, timeMs);
  }

  /** The same of records that come in, with their times. */
  addRun(partitionId: number, { entry, from, to, timeMs }: Run): void {
    const { view } = entry;
    for (let place = from; place < to; place++) {
      this.#in.add(view, entry.tagAt(place), this.#count);
      // Where it is known, no frame is read: by now each of them is a miss of the processor's caches.
      this.#note(partitionId, entry.counter(place), timeMs ?? entry.timeMs(place));
    }
  }

  /** The rows of one level, from what they were; `before` fills in 24 bytes that are zero. */
  level(kernel: DigestKernel, level: number, before: ReadRow): ChangedRows {
    return this.#changed(kernel, rowSpan(level), before);
  }

  /** One row a partition, all of its counters together. Here counters need not ascend. */
  roots(kernel: DigestKernel, before: (partitionId: number, out: Uint8Array) => void): ChangedRows {
    return this.#changed(kernel, ALL_COUNTERS, (partitionId, _, out) => before(partitionId, out));
  }

  #note(partitionId: number, counter: number, timeMs: number): void {
    if (this.#count === this.#counters.length) {
      this.#partitionIds = grown(this.#partitionIds);
      this.#counters = grown(this.#counters);
      this.#times = grown(this.#times);
    }
    this.#partitionIds[this.#count] = partitionId;
    this.#counters[this.#count] = counter;
    this.#times[this.#count] = timeMs;
    this.#count++;
  }

  #changed(kernel: DigestKernel, span: number, before: ReadRow): ChangedRows {
    const partitionIds: number[] = [];
    const indexes: number[] = [];
    const fromMs: number[] = [];
    const toMs: number[] = [];
    const rowOf = new Uint32Array(this.#count);
    let row = -1;
    let lastPartition = -1;
    let lastIndex = -1;
    for (let i = 0; i < rowOf.length; i++) {
      const partitionId = this.#partitionIds[i] as number;
      const index = Math.floor((this.#counters[i] as number) / span);
      const timeMs = this.#times[i] as number;
      if (partitionId !== lastPartition || index !== lastIndex) {
        partitionIds.push(partitionId);
        indexes.push(index);
        fromMs.push(Number.POSITIVE_INFINITY);
        toMs.push(Number.NEGATIVE_INFINITY);
        lastPartition = partitionId;
        lastIndex = index;
        row++;
      }
      rowOf[i] = row;
      if (timeMs < (fromMs[row] as number)) fromMs[row] = timeMs;
      if (timeMs > (toMs[row] as number)) toMs[row] = timeMs;
    }
    const rows = new Uint8Array(indexes.length * ROW_BYTES);
    for (let i = 0; i < indexes.length; i++) {
      const out = rows.subarray(i * ROW_BYTES, (i + 1) * ROW_BYTES);
      before(partitionIds[i] as number, indexes[i] as number, out);
    }
    // In this order: a record that one batch both brings and replaces must be in before it goes out.
    this.#in.apply(kernel, rows, { rowOf, sign: 1 });
    this.#out.apply(kernel, rows, { rowOf, sign: -1 });
    return { rows, partitionIds, indexes, fromMs, toMs };
  }
}

function grown(column: Float64Array): Float64Array {
  const more = new Float64Array(Math.max(4, 2 * column.length));
  more.set(column);
  return more;
}

/** What an absent row stands for. */
export const EMPTY_ROW = new Uint8Array(ROW_BYTES);

export const DIGEST_LEVELS = Array.from({ length: DIGEST_LAYOUT.levels }, (_, level) => level);
