/**
 * Whether the disk has room for what is to be written. It is not left to LMDB: where a page cannot be written, lmdb 3.5.6
 * puts a message of up to 120 characters into 100 bytes (mdb.c, `last_error`), which corrupts the heap and may end the
 * process. Whoever else fills the disk in between can still bring that about.
 */
import { MendlogError } from '@mendlog/core';
import { freeBytes } from './store-error.js';

/** Free space that a commit leaves: as much as its branch pages and free list may take beside what it brings. */
const RESERVE_BYTES = 256 * 1024;
/** Where twice as much is free, this much is still free after the time below, unless 20 GB are written a second. */
const PLENTY_BYTES = 1024 ** 3;
const PLENTY_MS = 50;

export class DiskRoom {
  readonly #folder: string;
  /** Until then there is plenty, without a look: hundreds of commits a second would pay for one each. */
  #plentyUntilMs = Number.NEGATIVE_INFINITY;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Throws DISK_FULL where a commit that writes about so many bytes may not fit. */
  check(bytes: number): void {
    const neededBytes = RESERVE_BYTES + 2 * bytes;
    const nowMs = performance.now();
    if (nowMs < this.#plentyUntilMs && neededBytes <= PLENTY_BYTES / 4) return;
    const free = freeBytes(this.#folder);
    if (free < neededBytes) throw new MendlogError('DISK_FULL', 'the disk is full: nothing was written');
    this.#plentyUntilMs = free >= 2 * PLENTY_BYTES ? nowMs + PLENTY_MS : Number.NEGATIVE_INFINITY;
  }
}
