/** What the store knows of a partition, all that is flushed included. */
import { type DigestKernel, ROW_BYTES } from '@mendlog/core';
import type { LoggedPartition } from './arrival-log.js';
import { DamagedRecords } from './damaged-records.js';
import { KeyHolders } from './key-holders.js';
import type { IndexedPartition } from './keys.js';
import { LeavingRecords } from './leaving-records.js';
import { OverlayRecords } from './overlay.js';
import { RowChanges } from './row-changes.js';

export class PartitionState {
  readonly overlay = new OverlayRecords();
  readonly holders = new KeyHolders();
  readonly leaving = new LeavingRecords();
  readonly damaged = new DamagedRecords();
  readonly name: string;
  readonly id: number;
  /** The key of its tags. */
  readonly tagKey: Uint8Array;
  /** The log knows it: from then on it is there. */
  logged = false;
  head = 0;
  /** Where the log says that the head is, whatever records it has. */
  keptHead = 0;
  /** The highest counter that was given to the log, flushed or not: above it nothing can be there. */
  submittedHead = 0;
  trimmedTo = 0;
  /** The trim watermark on its way to the disk: the same as `trimmedTo` while none is. */
  trimmingTo = 0;
  /** A commit of records has written the watermark that is on its way. */
  isTrimWritten = false;
  /** Resolves when it is there; rejects where it did not get there. */
  trimming: Promise<void> = Promise.resolve();
  cleanedTo = 0;
  /** Records that the last trim concerns are in the index when the log is applied up to here. */
  cleanAfter = 0;
  /** The highest append key in the index: those above it need no look-up there. */
  appendHead = '';
  /** What the sums below have: everything that arrived up to there. */
  #summedTo = 0;
  #root: Uint8Array = new Uint8Array(ROW_BYTES);
  #bytes = 0;

  constructor(name: string, id: number, tagKey: Uint8Array) {
    this.name = name;
    this.id = id;
    this.tagKey = tagKey;
  }

  /** As the log has it. */
  load({ trimmedTo, head }: LoggedPartition): void {
    this.logged = true;
    this.head = head;
    this.keptHead = head;
    this.trimmedTo = trimmedTo;
    this.trimmingTo = trimmedTo;
  }

  /** The index holds this of it now: what is later is summed up from the overlay when somebody asks. */
  indexed({ applied, head, cleanedTo, root, bytes, appendHead }: IndexedPartition): void {
    this.head = Math.max(this.head, head, this.trimmedTo);
    this.submittedHead = Math.max(this.submittedHead, this.head);
    this.cleanedTo = Math.max(this.cleanedTo, cleanedTo);
    this.appendHead = appendHead;
    this.#summedTo = applied;
    this.#root = Uint8Array.from(root);
    this.#bytes = bytes;
  }

  /** The sum of all rows, and the bytes of all frames, of what arrived up to there. */
  sums(flushed: number, kernel: DigestKernel): { root: Uint8Array; bytes: number } {
    const arrivals = { after: this.#summedTo, flushed };
    if (flushed > this.#summedTo) {
      const changes = new RowChanges();
      for (const { entry, from, to } of this.overlay.runs(arrivals)) {
        for (let place = from; place < to; place++)
          changes.add(this.id, entry.counter(place), { bytes: entry.bytes, at: entry.tagAt(place), sign: 1 });
        this.#bytes += entry.frameBytes(from, to);
      }
      for (const { version, tag, length } of this.leaving.by(arrivals)) {
        changes.add(this.id, version.counter, { bytes: tag, at: 0, sign: -1 });
        this.#bytes -= length;
      }
      if (!changes.isEmpty) this.#root = changes.roots(kernel, (_, out) => out.set(this.#root)).rows;
      this.#summedTo = flushed;
    }
    return { root: this.#root, bytes: this.#bytes };
  }

  toLog(): LoggedPartition {
    return { id: this.id, trimmedTo: this.trimmingTo, head: this.keptHead };
  }
}
