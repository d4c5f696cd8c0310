/**
 * One process per data folder: a lock file with the owner's process id.
 *
 * A process that was killed leaves its file behind. The file therefore names the owner's start time
 * as well, where the system tells it: a process id that was given to somebody else does not lock.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MendlogError } from '@mendlog/core';

const LOCK_FILE = 'LOCK';

export interface DataDirLock {
  release(): void;
}

/** Throws DATA_DIR_LOCKED while another process holds the folder. */
export function lockDataDir(dataDir: string): DataDirLock {
  const path = join(dataDir, LOCK_FILE);
  const own = `${process.pid} ${startTimeOf(process.pid)}\n`;
  try {
    writeFileSync(path, own, { flag: 'wx' });
  } catch (cause) {
    if (!isExists(cause)) throw cause;
    const [pidText, startTime] = readFileSync(path, 'utf8').trim().split(' ');
    const pid = Number(pidText);
    if (Number.isSafeInteger(pid) && pid > 0 && isAlive(pid) && startTimeOf(pid) === startTime) {
      throw new MendlogError(
        'DATA_DIR_LOCKED',
        `the data folder ${dataDir} is in use by process ${pid}; stop it first`,
        {
          details: { pid },
        },
      );
    }
    writeFileSync(path, own);
  }
  return { release: () => rmSync(path, { force: true }) };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // A process of another user exists all the same.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** Ticks since boot at which the process began, where /proc tells; a constant elsewhere. */
function startTimeOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold spaces: fields are counted from the last parenthesis.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? 'unknown';
  } catch {
    return 'unknown';
  }
}

function isExists(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EEXIST';
}
