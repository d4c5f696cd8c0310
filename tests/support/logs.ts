// Log files to write, and their lines as counted here, apart from the code under test.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const LOGHUB = resolve(import.meta.dirname, '../../../shared/data/loghub');
const LOGHUB_NAMES = ['Apache', 'HDFS', 'HealthApp', 'Linux', 'OpenSSH', 'Spark', 'Windows', 'Zookeeper'];

/** Lines of a log by their bytes, in latin1 so that each byte is one character; a CR stays. */
export function linesOf(path: string): string[] {
  const pieces = readFileSync(path).toString('latin1').split('\n');
  // Behind the last LF there is no line.
  if (pieces.at(-1) === '') pieces.pop();
  return pieces;
}

/** Real logs where this checkout has the loghub samples beside it, made ones elsewhere. */
export function someLogs(folder: string, count: number): string[] {
  const real = LOGHUB_NAMES.map((name) => join(LOGHUB, `${name}.log`)).filter((path) => existsSync(path));
  return real.length >= count
    ? real.slice(0, count)
    : Array.from({ length: count }, (_, i) => awkwardLog(folder, `made-${i}.log`));
}

/** A log with all that makes lines hard: CRLF, empty and very long lines, bytes that are not UTF-8, no last LF. */
export function awkwardLog(folder: string, name: string): string {
  mkdirSync(folder, { recursive: true });
  const lines: Buffer[] = [];
  for (let i = 0; i < 500; i++) {
    const time = new Date(1_700_000_000_000 + i * 1000).toISOString();
    lines.push(
      Buffer.from(`${time} INFO ${name} request ${i} served\n`),
      Buffer.from(`${time} WARN ends with a carriage return ${i % 7}\r\n`),
      Buffer.from('\n'),
      Buffer.concat([
        Buffer.from(`${time} not UTF-8: `),
        Buffer.from([0, 0xc3, 0x28, 0xff, 0xfe, i % 256, 10]),
      ]),
      Buffer.from('\r\n'),
    );
    if (i % 50 === 0) lines.push(Buffer.from(`${time} DEBUG ${'x'.repeat(2500)}\n`));
  }
  lines.push(Buffer.from('the last line has no line feed'));
  const path = join(folder, name);
  writeFileSync(path, Buffer.concat(lines));
  return path;
}
