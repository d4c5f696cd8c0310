/**
 * Whether the disk has room for what is to be written. It is not left to LMDB: where a page cannot be written, lmdb 3.5.6
 * puts a message of up to 120 characters into 100 bytes (mdb.c, `last_error`), which corrupts the heap and may end the
 * process. Whoever else fills the disk in between can still bring that about: by writing, which takes a while, or by
 * reserving all of it at once.
 */
import { MendlogError } from '@mendlog/core';
import { freeBytes } from './store-error.js';

/** Free space that a commit leaves: as much as its branch pages and free list may take beside what it brings. */
const RESERVE_BYTES = 256 * 1024;
/** Where so much is free, it is not looked at again for a while: 50 ms of the fastest disks do not fill it. */
const PLENTY_BYTES = 2 * 1024 ** 3;
const LOOK_MS = 50;
/** A commit that needs more is looked at by itself. */
const UNLOOKED_BYTES_MAX = PLENTY_BYTES / 8;

export class DiskRoom {
  readonly folder: string;
  /** Until then there is plenty, without a look: hundreds of commits a second would pay for one each. */
  #plentyUntilMs = Number.NEGATIVE_INFINITY;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Throws DISK_FULL where a commit that writes about so many bytes may not fit. */
  check(bytes: number): void {
    const neededBytes = RESERVE_BYTES + 2 * bytes;
    const nowMs = performance.now();
    if (nowMs < this.#plentyUntilMs && neededBytes <= UNLOOKED_BYTES_MAX) return;
    const free = freeBytes(this.folder);
    this.#plentyUntilMs = free >= PLENTY_BYTES ? nowMs + LOOK_MS : Number.NEGATIVE_INFINITY;
    if (free < neededBytes) throw new MendlogError('DISK_FULL', 'the disk is full: nothing was written');
  }

  /** A commit has failed, perhaps since all was taken at once: the next one looks. */
  doubt(): void {
    this.#plentyUntilMs = Number.NEGATIVE_INFINITY;
  }
}
