/** Tags on their way into and out of digest rows: one call of the kernel a level, whatever the partitions. */
import {
  DIGEST_LAYOUT,
  type DigestKernel,
  ROW_BYTES,
  rowSpan,
  TAG_BYTES,
  type TimeWindow,
} from '@mendlog/core';
import { copyBytes } from './copy-bytes.js';

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
  readonly #places: number[] = [];
  #tags = new Uint8Array(0);

  add(bytes: Uint8Array, tagAt: number, place: number): void {
    const at = this.#places.length * TAG_BYTES;
    if (at === this.#tags.length) {
      const more = new Uint8Array(Math.max(2 * TAG_BYTES, 2 * this.#tags.length));
      more.set(this.#tags);
      this.#tags = more;
    }
    copyBytes(this.#tags, at, { from: bytes, start: tagAt, length: TAG_BYTES });
    this.#places.push(place);
  }

  apply(kernel: DigestKernel, rows: Uint8Array, { rowOf, sign }: { rowOf: Uint32Array; sign: 1 | -1 }): void {
    const count = this.#places.length;
    if (count === 0) return;
    // Where all tags go one way their places are 0, 1, 2, ...
    const rowOfTag =
      count === rowOf.length ? rowOf : Uint32Array.from(this.#places, (place) => rowOf[place] as number);
    kernel.addTags(rows, rowOfTag, this.#tags.subarray(0, count * TAG_BYTES), sign);
  }
}

/** The rows that changed: `rows` packed, each with its partition and index. */
export interface ChangedRows {
  readonly rows: Uint8Array;
  readonly partitionIds: number[];
  readonly indexes: number[];
  /** Of the records that came in, where anything is known of them. */
  readonly times: readonly (TimeWindow | undefined)[];
}

type ReadRow = (partitionId: number, index: number, out: Uint8Array) => void;

/** Wider than every counter: one row holds them all. */
const ALL_COUNTERS = 2 ** 53;

export class RowChanges {
  readonly #partitionIds: number[] = [];
  readonly #counters: number[] = [];
  readonly #times: number[] = [];
  readonly #in = new TagList();
  readonly #out = new TagList();

  get isEmpty(): boolean {
    return this.#counters.length === 0;
  }

  /** Calls come in ascending order of partition, then counter. The tag lies in `bytes` from `at` on. */
  add(partitionId: number, counter: number, { bytes, at, sign, timeMs = Number.NaN }: SignedTag): void {
    (sign === 1 ? this.#in : this.#out).add(bytes, at, this.#counters.length);
    this.#partitionIds.push(partitionId);
    this.#counters.push(counter);
    this.#times.push(timeMs);
  }

  /** The rows of one level, from what they were; `before` fills in 24 bytes that are zero. */
  level(kernel: DigestKernel, level: number, before: ReadRow): ChangedRows {
    return this.#changed(kernel, rowSpan(level), before);
  }

  /** One row a partition, all of its counters together. Here counters need not ascend. */
  roots(kernel: DigestKernel, before: (partitionId: number, out: Uint8Array) => void): ChangedRows {
    return this.#changed(kernel, ALL_COUNTERS, (partitionId, _, out) => before(partitionId, out));
  }

  #changed(kernel: DigestKernel, span: number, before: ReadRow): ChangedRows {
    const partitionIds: number[] = [];
    const indexes: number[] = [];
    const times: (TimeWindow | undefined)[] = [];
    const rowOf = new Uint32Array(this.#counters.length);
    let lastPartition = -1;
    let lastIndex = -1;
    for (let i = 0; i < rowOf.length; i++) {
      const partitionId = this.#partitionIds[i] as number;
      const index = Math.floor((this.#counters[i] as number) / span);
      if (partitionId !== lastPartition || index !== lastIndex) {
        partitionIds.push(partitionId);
        indexes.push(index);
        lastPartition = partitionId;
        lastIndex = index;
      }
      rowOf[i] = indexes.length - 1;
      const timeMs = this.#times[i] as number;
      if (!Number.isNaN(timeMs)) times[indexes.length - 1] = withTime(times[indexes.length - 1], timeMs);
    }
    const rows = new Uint8Array(indexes.length * ROW_BYTES);
    for (let i = 0; i < indexes.length; i++) {
      const out = rows.subarray(i * ROW_BYTES, (i + 1) * ROW_BYTES);
      before(partitionIds[i] as number, indexes[i] as number, out);
    }
    // In this order: a record that one batch both brings and replaces must be in before it goes out.
    this.#in.apply(kernel, rows, { rowOf, sign: 1 });
    this.#out.apply(kernel, rows, { rowOf, sign: -1 });
    return { rows, partitionIds, indexes, times };
  }
}

function withTime(times: TimeWindow | undefined, timeMs: number): TimeWindow {
  if (times === undefined) return { fromMs: timeMs, toMs: timeMs };
  if (timeMs >= times.fromMs && timeMs <= times.toMs) return times;
  return { fromMs: Math.min(times.fromMs, timeMs), toMs: Math.max(times.toMs, timeMs) };
}

/** What an absent row stands for. */
export const EMPTY_ROW = new Uint8Array(ROW_BYTES);

export const DIGEST_LEVELS = Array.from({ length: DIGEST_LAYOUT.levels }, (_, level) => level);
