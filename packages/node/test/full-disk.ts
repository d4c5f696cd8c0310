// A disk that is full when a test says so: the commit then fails as on a real one, before anything is written.
import { MendlogError } from '@mendlog/core';
import { vi } from 'vitest';
import { DiskRoom } from '../src/storage/disk-room.js';

/** From now on, in this file of tests. Asked before each commit, with the folder of its log or index. */
export function fillDiskWhere(isFull: (folder: string) => boolean): void {
  const { check } = DiskRoom.prototype;
  vi.spyOn(DiskRoom.prototype, 'check').mockImplementation(function (this: DiskRoom, bytes: number) {
    if (isFull(this.folder)) throw new MendlogError('DISK_FULL', 'the disk is full, as the test has it');
    check.call(this, bytes);
  });
}
