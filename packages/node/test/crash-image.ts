// What a process that dies now leaves of a store: its files as they are at one moment, with whatever LMDB's own threads
// have written by then of the commits that are under way.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** A commit under way ends before long, and then the files rest. */
const READS_MAX = 10_000;

/**
 * Copies a store that is open here to `image`, without its locks, which end with the process. What two reads in a row find
 * the same was so at the moment between them, in all files together.
 */
export function copyAsCrashed(dataDir: string, image: string): void {
  let before = readFiles(dataDir);
  for (let read = 1; read < READS_MAX; read++) {
    const files = readFiles(dataDir);
    const rests =
      files.size === before.size && [...files].every(([name, bytes]) => before.get(name)?.equals(bytes));
    before = files;
    if (!rests) continue;
    for (const [name, bytes] of files) {
      mkdirSync(dirname(join(image, name)), { recursive: true });
      writeFileSync(join(image, name), bytes);
    }
    return;
  }
  throw new Error(`the files of ${dataDir} change all the time`);
}

function readFiles(dataDir: string): Map<string, Buffer> {
  const names = readdirSync(dataDir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !/^lock/i.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name).slice(dataDir.length + 1));
  return new Map(names.map((name) => [name, readFileSync(join(dataDir, name))]));
}
