/** What the store knows of a partition, all that is flushed included. */
import { type DigestKernel, ROW_BYTES } from '@mendlog/core';
import type { LoggedPartition } from './arrival-log.js';
import { DamagedRecords } from './damaged-records.js';
import type { IndexedPartition } from './keys.js';
import { type LocatedRecord, OverlayRecords } from './overlay.js';
import { RowChanges } from './row-changes.js';

/** Records whose tags wait at most to be summed up. */
const UNSUMMED_MAX = 1024;

export class PartitionState {
  readonly overlay = new OverlayRecords();
  readonly damaged = new DamagedRecords();
  readonly name: string;
  readonly id: number;
  /** The key of its tags. */
  readonly tagKey: Uint8Array;
  /** The log knows it: from then on it is there. */
  logged = false;
  head = 0;
  /** The highest counter that was given to the log, flushed or not: above it nothing can be there. */
  submittedHead = 0;
  trimmedTo = 0;
  /** The trim watermark on its way to the disk: the same as `trimmedTo` while none is. */
  trimmingTo = 0;
  /** Resolves when it is there; rejects where it did not get there. */
  trimming: Promise<void> = Promise.resolve();
  cleanedTo = 0;
  /** Records that the last trim concerns are in the index when the log is applied up to here. */
  cleanAfter = 0;
  bytes = 0;
  #root: Uint8Array = new Uint8Array(ROW_BYTES);
  /** What is not in the root yet: it is summed up when somebody asks, or when there is much of it. */
  #changes = new RowChanges();
  #unsummed = 0;

  constructor(name: string, id: number, tagKey: Uint8Array) {
    this.name = name;
    this.id = id;
    this.tagKey = tagKey;
  }

  /** As it was left on disk. */
  load(logged: LoggedPartition, indexed: IndexedPartition): void {
    this.logged = true;
    this.trimmedTo = logged.trimmedTo;
    this.trimmingTo = logged.trimmedTo;
    this.head = Math.max(indexed.head, logged.trimmedTo);
    this.submittedHead = this.head;
    this.cleanedTo = indexed.cleanedTo;
    this.bytes = indexed.bytes;
    this.#root = Uint8Array.from(indexed.root);
  }

  /** Counts a record that came in or went out. */
  count({ version, tag, length }: LocatedRecord, sign: 1 | -1, kernel: DigestKernel): void {
    this.bytes += sign * length;
    this.#changes.add(this.id, version.counter, tag, sign);
    if (++this.#unsummed >= UNSUMMED_MAX) this.root(kernel);
  }

  /** The sum of all rows. */
  root(kernel: DigestKernel): Uint8Array {
    if (this.#unsummed > 0) {
      this.#root = this.#changes.roots(kernel, (_, out) => out.set(this.#root)).rows;
      this.#changes = new RowChanges();
      this.#unsummed = 0;
    }
    return this.#root;
  }

  toLog(): LoggedPartition {
    return { id: this.id, trimmedTo: this.trimmingTo };
  }
}
