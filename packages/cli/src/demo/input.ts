/**
 * The demo's input: lines of real log files. A record is the bytes of one line without its LF: a CR
 * stays, an empty line is a record, and so is a last line without LF.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { LIMITS, MendlogError } from '@mendlog/core';
import { whyUnreadable } from '../why-unreadable.js';
import type { Lines } from '../written.js';

/** The partition is the file's name, as far as such a name allows, and unique among the inputs. */
export interface InputFile extends Lines {
  readonly path: string;
}

const FILE_BYTES_MAX = 1024 ** 3;
const FOUND_FILES_MAX = 8;
const FOUND_FILE_BYTES_MAX = 8 * 1024 * 1024;
const LF = 10;

/** Reads the files that were asked for. Throws BAD_REQUEST with one sentence. */
export function readInputs(paths: readonly string[]): InputFile[] {
  const names = new Map<string, number>();
  return paths.map((path) => {
    const lines = splitLines(readInput(path));
    const tooLong = lines.find((line) => line.length > LIMITS.valueBytesMax);
    if (tooLong !== undefined) {
      throw new MendlogError(
        'BAD_REQUEST',
        `${path} has a line of ${tooLong.length} bytes, and a record holds ${LIMITS.valueBytesMax}`,
      );
    }
    const name = basename(path)
      .replace(/[^A-Za-z0-9._-]/g, '_')
      .slice(0, LIMITS.partitionNameMax - 10);
    const seen = (names.get(name) ?? 0) + 1;
    names.set(name, seen);
    return { path, partition: seen === 1 ? name : `${name}-${seen}`, lines };
  });
}

/** Logs that this machine has: npm's own, then the system's. Throws BAD_REQUEST where there is none. */
export function findInputs(): InputFile[] {
  const npmCache = process.env.npm_config_cache ?? join(homedir(), '.npm');
  const found: string[] = [];
  for (const folder of [join(npmCache, '_logs'), '/var/log', '/var/log/apt']) {
    const files = logFilesIn(folder);
    found.push(...files.slice(0, FOUND_FILES_MAX / 2));
  }
  if (found.length === 0) {
    throw new MendlogError('BAD_REQUEST', 'no log was found on this machine: name one with --input FILE');
  }
  return readInputs(found.slice(0, FOUND_FILES_MAX));
}

/** Readable, not empty, not huge; the largest first, as they tell most. */
function logFilesIn(folder: string): string[] {
  const sizes = new Map<string, number>();
  for (const name of namesIn(folder)) {
    const path = join(folder, name);
    if (!/\.log$|^syslog$|^messages$/.test(name)) continue;
    try {
      const { size } = statSync(path);
      if (size > FOUND_FILE_BYTES_MAX || readFileSync(path).length === 0) continue;
      sizes.set(path, size);
    } catch {
      // A log that this user may not read is none for the demo.
    }
  }
  return [...sizes].sort(([, a], [, b]) => b - a).map(([path]) => path);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function readInput(path: string): Uint8Array {
  let bytes: Uint8Array;
  try {
    if (statSync(path).size > FILE_BYTES_MAX)
      throw new Error('it is larger than 1 GiB, more than this demo reads');
    bytes = readFileSync(path);
  } catch (cause) {
    throw new MendlogError('BAD_REQUEST', `cannot read the input file ${path}: ${whyUnreadable(cause)}`, {
      cause,
    });
  }
  if (bytes.length === 0) throw new MendlogError('BAD_REQUEST', `the input file ${path} is empty`);
  return bytes;
}

function splitLines(bytes: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  let start = 0;
  for (;;) {
    const end = bytes.indexOf(LF, start);
    if (end === -1) break;
    lines.push(bytes.subarray(start, end));
    start = end + 1;
  }
  if (start < bytes.length) lines.push(bytes.subarray(start));
  return lines;
}
