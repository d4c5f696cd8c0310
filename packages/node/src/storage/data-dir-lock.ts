/**
 * One process per data folder: a lock file with the owner's process id.
 *
 * A process that was killed leaves its file behind. The file therefore names the owner's start time
 * as well, where the system tells it: a process id that was given to somebody else does not lock. A
 * file whose owner is dead is removed under a second lock, which is held for an instant only: else two
 * processes could both see the dead owner, and the slower one would remove the lock of the faster one.
 */
import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MendlogError } from '@mendlog/core';

const LOCK_FILE = 'LOCK';
const ATTEMPTS_MAX = 3;

export interface DataDirLock {
  release(): void;
}

/** Throws DATA_DIR_LOCKED while another process holds the folder. */
export function lockDataDir(dataDir: string): DataDirLock {
  const path = join(dataDir, LOCK_FILE);
  for (let attempt = 1; ; attempt++) {
    if (take(path)) return { release: () => rmSync(path, { force: true }) };
    const pid = ownerOf(path);
    if (pid !== undefined || attempt >= ATTEMPTS_MAX) throw locked(dataDir, pid);
    removeAbandoned(path);
  }
}

/** The file comes into being with its content: one without an owner in it is nobody's. */
function take(path: string): boolean {
  const written = `${path}-${randomUUID()}`;
  try {
    writeFileSync(written, `${process.pid} ${startTimeOf(process.pid)}\n`);
    linkSync(written, path);
    return true;
  } catch (cause) {
    if (isCode(cause, 'EEXIST')) return false;
    throw cause;
  } finally {
    rmSync(written, { force: true });
  }
}

/** The process that holds this file and lives. */
function ownerOf(path: string): number | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if (isCode(cause, 'ENOENT')) return undefined;
    throw cause;
  }
  const [pidText, startTime] = text.trim().split(' ');
  const pid = Number(pidText);
  const lives = Number.isSafeInteger(pid) && pid > 0 && isAlive(pid) && startTimeOf(pid) === startTime;
  return lives ? pid : undefined;
}

function removeAbandoned(path: string): void {
  const guard = `${path}-removal`;
  if (!take(guard)) {
    // Whoever was killed while it held the guard holds up nobody: the next attempt finds it gone.
    if (ownerOf(guard) === undefined) rmSync(guard, { force: true });
    return;
  }
  try {
    if (ownerOf(path) === undefined) rmSync(path, { force: true });
  } finally {
    rmSync(guard, { force: true });
  }
}

function locked(dataDir: string, pid: number | undefined): MendlogError {
  const owner = pid === undefined ? 'another process' : `process ${pid}`;
  return new MendlogError(
    'DATA_DIR_LOCKED',
    `the data folder ${dataDir} is in use by ${owner}; stop it first`,
    { details: pid === undefined ? {} : { pid } },
  );
}

function isAlive(pid: number): boolean {
  // One that has ended holds nothing any more, also while nobody has asked for its status.
  if (/^[ZX]$/.test(statOf(pid)?.[0] ?? '')) return false;
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
  return statOf(pid)?.[19] ?? 'unknown';
}

/** What /proc tells of a process, from its state on, where there is a /proc. */
function statOf(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold spaces: fields are counted from the last parenthesis.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
