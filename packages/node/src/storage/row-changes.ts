/** Tags on their way into and out of digest rows: one call of the kernel a level, whatever the partitions. */
import { DIGEST_LAYOUT, type DigestKernel, ROW_BYTES, rowIndexOf, TAG_BYTES } from '@mendlog/core';

interface Changes {
  readonly tags: Uint8Array[];
  /** Per tag the place of its counter in `RowChanges.#counters`. */
  readonly places: number[];
}

/** The rows that changed: `rows` packed, each with its partition and index. */
export interface ChangedRows {
  readonly rows: Uint8Array;
  readonly partitionIds: number[];
  readonly indexes: number[];
}

export class RowChanges {
  readonly #partitionIds: number[] = [];
  readonly #counters: number[] = [];
  readonly #in: Changes = { tags: [], places: [] };
  readonly #out: Changes = { tags: [], places: [] };

  get isEmpty(): boolean {
    return this.#counters.length === 0;
  }

  /** Calls come in ascending order of partition, then counter. */
  add(partitionId: number, counter: number, tag: Uint8Array, sign: 1 | -1): void {
    const { tags, places } = sign === 1 ? this.#in : this.#out;
    tags.push(tag);
    places.push(this.#counters.length);
    this.#partitionIds.push(partitionId);
    this.#counters.push(counter);
  }

  /** The rows of one level, from what they were; `before` fills in 24 bytes that are zero. */
  level(
    kernel: DigestKernel,
    level: number,
    before: (partitionId: number, index: number, out: Uint8Array) => void,
  ): ChangedRows {
    return this.#changed(kernel, (counter) => rowIndexOf(counter, level), before);
  }

  /** One row a partition, all of its counters together. */
  roots(kernel: DigestKernel, before: (partitionId: number, out: Uint8Array) => void): ChangedRows {
    return this.#changed(
      kernel,
      () => 0,
      (partitionId, _, out) => before(partitionId, out),
    );
  }

  #changed(
    kernel: DigestKernel,
    indexOf: (counter: number) => number,
    before: (partitionId: number, index: number, out: Uint8Array) => void,
  ): ChangedRows {
    const partitionIds: number[] = [];
    const indexes: number[] = [];
    const rowOf = new Uint32Array(this.#counters.length);
    for (const [i, counter] of this.#counters.entries()) {
      const partitionId = this.#partitionIds[i] as number;
      const index = indexOf(counter);
      if (partitionIds.at(-1) !== partitionId || indexes.at(-1) !== index) {
        partitionIds.push(partitionId);
        indexes.push(index);
      }
      rowOf[i] = indexes.length - 1;
    }
    const rows = new Uint8Array(indexes.length * ROW_BYTES);
    for (let i = 0; i < indexes.length; i++) {
      before(
        partitionIds[i] as number,
        indexes[i] as number,
        rows.subarray(i * ROW_BYTES, (i + 1) * ROW_BYTES),
      );
    }
    // In this order: a record that one batch both brings and replaces must be in before it goes out.
    for (const [changes, sign] of [
      [this.#in, 1],
      [this.#out, -1],
    ] as const) {
      if (changes.tags.length === 0) continue;
      const rowOfTags = Uint32Array.from(changes.places, (place) => rowOf[place] as number);
      kernel.addTags(rows, rowOfTags, packedTags(changes.tags), sign);
    }
    return { rows, partitionIds, indexes };
  }
}

export const DIGEST_LEVELS = Array.from({ length: DIGEST_LAYOUT.levels }, (_, level) => level);

export function packedTags(tags: readonly Uint8Array[]): Uint8Array {
  const packed = new Uint8Array(tags.length * TAG_BYTES);
  for (let i = 0; i < tags.length; i++) packed.set(tags[i] as Uint8Array, i * TAG_BYTES);
  return packed;
}
