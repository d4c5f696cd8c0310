/**
 * What the disk gives to one process that appends blobs to a file and flushes after each, without anything else:
 * the figure beside which those of a cluster say something about the cluster.
 */
import { closeSync, fdatasyncSync, ftruncateSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';

/** The file begins anew then: a fast disk would otherwise be filled. */
const FILE_BYTES_MAX = 256 * 1024 * 1024;

export interface BareDisk {
  readonly blobBytes: number;
  readonly syncsPerSecond: number;
}

export interface BareDiskOptions {
  readonly folder: string;
  readonly blobBytes: number;
  readonly seconds: number;
  readonly signal: AbortSignal;
}

/** Leaves no file. Rejects with the signal's reason when that aborts. */
export async function measureBareDisk(options: BareDiskOptions): Promise<BareDisk> {
  const { folder, blobBytes, seconds, signal } = options;
  const file = join(folder, 'bare-disk');
  const blob = Buffer.alloc(blobBytes, 'mendlog ');
  const fd = openSync(file, 'w');
  try {
    const startedMs = performance.now();
    let syncs = 0;
    for (let bytes = 0; performance.now() - startedMs < seconds * 1000; bytes += blobBytes) {
      if (bytes > FILE_BYTES_MAX) {
        ftruncateSync(fd, 0);
        bytes = 0;
      }
      writeSync(fd, blob, 0, blobBytes, bytes);
      fdatasyncSync(fd);
      syncs++;
      // A signal is heard in between.
      await turn();
      signal.throwIfAborted();
    }
    return { blobBytes, syncsPerSecond: (1000 * syncs) / (performance.now() - startedMs) };
  } finally {
    closeSync(fd);
    rmSync(file);
  }
}
