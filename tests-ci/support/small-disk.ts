// A file system of a few megabytes in memory, mounted on a folder until disposed. Needs root.
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../../tests/support/temporary-folder.js';

const KIB = 1024;

export interface SmallDisk extends Disposable {
  readonly path: string;
  /** Takes all space that is left. */
  fill(): void;
  /** Gives back what fill took. */
  free(): void;
}

export function smallDisk(bytes: number): SmallDisk {
  const folder = temporaryFolder();
  const options = ['-t', 'tmpfs', '-o', `size=${bytes}`, 'mendlog-test', folder.path];
  run('mount', options);
  const filler = join(folder.path, 'filler');
  return {
    path: folder.path,
    fill: () => {
      // First in large pieces, then the last pages.
      for (const piece of [64 * KIB, 4 * KIB]) {
        try {
          for (;;) writeFileSync(filler, Buffer.alloc(piece), { flag: 'a' });
        } catch (error) {
          if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
        }
      }
    },
    free: () => rmSync(filler),
    [Symbol.dispose]: () => {
      run('umount', [folder.path]);
      folder[Symbol.dispose]();
    },
  };
}

function run(command: string, args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} failed (it needs root): ${error?.message ?? stderr}`);
}
