/** What the store knows of a partition, all that is flushed included. */
import { type DigestKernel, ROW_BYTES } from '@mendlog/core';
import type { LoggedPartition } from './arrival-log.js';
import { DamagedRecords } from './damaged-records.js';
import { KeyHolders } from './key-holders.js';
import type { IndexedPartition } from './keys.js';
import { LeavingRecords } from './leaving-records.js';
import type { LocatedRecord, Run } from './located-record.js';
import { OverlayRecords } from './overlay.js';
import { PartitionBatch } from './partition-batch.js';
import { RowChanges } from './row-changes.js';

type PurgeableRecord = Pick<LocatedRecord, 'version' | 'arrival' | 'isTombstone'>;

export class PartitionState {
  readonly overlay = new OverlayRecords();
  /** What the next step of the index brings of it, in the order of arrival, while that is put together. */
  arriving: Run[] = [];
  readonly holders = new KeyHolders();
  readonly leaving = new LeavingRecords();
  readonly damaged = new DamagedRecords();
  readonly name: string;
  readonly id: number;
  /** The key of its tags. */
  readonly tagKey: Uint8Array;
  /** Of the batch that is being looked at. */
  readonly batch = new PartitionBatch();
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
  fencedTo = 0;
  /** The fence that is given to the log: no write at or below it is taken from then on, flushed or not. */
  fencingTo = 0;
  /** As `trimming`. */
  fencing: Promise<void> = Promise.resolve();
  purgedTo = 0;
  /** The purge watermark that is given to the log. */
  purgeLoggedTo = 0;
  /** No tombstone at or below it is taken, and nothing that is not there: a purge may be under way. */
  purgingTo = 0;
  /** As `trimming`. */
  purging: Promise<void> = Promise.resolve();
  /** Records at or below the counter that arrived up to there are gone, wherever they lie in the log. */
  dropped: LoggedPartition['dropped'] = { counter: 0, arrival: 0 };
  cleanedTo = 0;
  /** Records that the last trim concerns are in the index when the log is applied up to here. */
  cleanAfter = 0;
  /** The highest append key in the index: those above it need no look-up there. */
  appendHead = '';
  /** The highest append key that was given to the log, flushed or not: above it nobody can hold one. */
  highestAppend = '';
  /** What the sums below have: everything that arrived up to there. */
  #summedTo = 0;
  #root: Uint8Array = new Uint8Array(ROW_BYTES);
  #bytes = 0;
  /** The store that has the fence. */
  #fenceOf = '';

  constructor(name: string, id: number, tagKey: Uint8Array) {
    this.name = name;
    this.id = id;
    this.tagKey = tagKey;
  }

  /** As the log has it. */
  load({ trimmedTo, head, fence, purgedTo, dropped }: LoggedPartition): void {
    this.logged = true;
    this.head = Math.max(head, fence.counter);
    this.keptHead = this.head;
    this.trimmedTo = trimmedTo;
    this.trimmingTo = trimmedTo;
    this.fencedTo = fence.counter;
    this.purgedTo = purgedTo;
    this.purgeLoggedTo = purgedTo;
    this.purgingTo = purgedTo;
    this.dropped = dropped;
    this.#fenceOf = fence.storeId;
  }

  /** A store that was restored, or has lost a part of its log, does not have what the fence stands for. */
  ownFence(storeId: string): void {
    if (this.#fenceOf !== storeId) this.fencedTo = this.purgedTo;
    this.#fenceOf = storeId;
    this.fencingTo = this.fencedTo;
  }

  get hasDamaged(): boolean {
    return this.damaged.size > 0;
  }

  /** Whether a record is gone though it may lie in the log. */
  isPurged({ version: { counter }, arrival, isTombstone }: PurgeableRecord): boolean {
    if (counter > this.purgedTo) return false;
    return isTombstone || (counter <= this.dropped.counter && arrival <= this.dropped.arrival);
  }

  /** The index holds this of it now: what is later is summed up from the overlay when somebody asks. */
  indexed({ applied, head, cleanedTo, root, bytes, appendHead }: IndexedPartition): void {
    this.head = Math.max(this.head, head, this.trimmedTo);
    this.submittedHead = Math.max(this.submittedHead, this.head);
    this.cleanedTo = Math.max(this.cleanedTo, cleanedTo);
    this.appendHead = appendHead;
    if (appendHead > this.highestAppend) this.highestAppend = appendHead;
    this.#summedTo = applied;
    this.#root = root.slice();
    this.#bytes = bytes;
  }

  /** The sum of all rows, and the bytes of all frames, of what arrived up to there. */
  sums(flushed: number, kernel: DigestKernel): { root: Uint8Array; bytes: number } {
    const arrivals = { after: this.#summedTo, flushed };
    if (flushed > this.#summedTo) {
      const changes = new RowChanges();
      for (const run of this.overlay.runs(arrivals)) {
        changes.addRun(this.id, run);
        this.#bytes += run.entry.frameBytes(run.from, run.to);
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
    return {
      id: this.id,
      trimmedTo: this.trimmingTo,
      head: this.keptHead,
      fence: { counter: this.fencingTo, storeId: this.#fenceOf },
      purgedTo: this.purgeLoggedTo,
      dropped: this.dropped,
    };
  }
}
