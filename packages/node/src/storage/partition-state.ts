/** What the store knows of a partition, all that is flushed included. */
import { ROW_BYTES } from '@mendlog/core';
import type { LoggedPartition } from './arrival-log.js';
import type { IndexedPartition } from './keys.js';
import { OverlayRecords } from './overlay.js';

export class PartitionState {
  readonly overlay = new OverlayRecords();
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
  root: Uint8Array = new Uint8Array(ROW_BYTES);

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
    this.root = Uint8Array.from(indexed.root);
  }

  toLog(): LoggedPartition {
    return { id: this.id, trimmedTo: this.trimmingTo };
  }
}
