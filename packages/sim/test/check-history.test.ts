// The command that judges a file: what it prints, and how it ends.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { encodeLine } from '../src/history/encode-line.js';
import type { HistoryLine } from '../src/history/history-line.js';
import { finalOf, operationOf } from './made-operations.js';

const COMMAND = resolve(import.meta.dirname, '../dist/check-history.js');
const folder = mkdtempSync(join(tmpdir(), 'mendlog-history-'));
afterAll(() => rmSync(folder, { recursive: true }));

function check(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [COMMAND, ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

function checkLines(...lines: readonly (string | HistoryLine)[]) {
  const file = join(folder, 'history.jsonl');
  const read = lines.map((line) => (typeof line === 'string' ? operationOf(line) : line));
  writeFileSync(file, read.map((line) => `${encodeLine(line)}\n`).join(''));
  return check(file);
}

test('check-history: a right history has a verdict for each check, and status 0', () => {
  const ending = checkLines(
    'put a 0..1 @1 #1',
    'get a 2..3 @1 #2',
    'append b 4..5 @2 #1',
    'put? c 6.. #2',
    finalOf('b@2'),
  );
  expect(ending).toEqual({
    status: 0,
    stderr: '',
    stdout: `4 operations of 2 clients (3 ok, 0 fail, 1 unknown), 1 final reads
ok    I3   linearizable registers: 0 violations, 3 checked
ok    I3   reads after acknowledged writes: 0 violations, 1 checked
ok    I3   order of writes in real time: 0 violations, 2 checked
ok    I4   monotonic reads: 0 violations, 1 checked
ok    I6   unique versions: 0 violations, 4 checked
ok    I9   exactly-once append: 0 violations, 1 checked
ok    I10  session order: 0 violations, 1 checked
`,
  });
});

test('check-history: a violation is told with its operations, and status 1', () => {
  const { status, stdout } = checkLines(
    'put a 0..1 @1 #1',
    'put b 2..3 @2 #1',
    'get a 4..5 @1 #2',
    'append c 4..5 @3 #1',
    finalOf(),
  );
  expect(status).toBe(1);
  expect(stdout).toContain(`FAIL  I3   linearizable registers: 1 violation, 3 checked
      p1/k: no order explains these 3 operations; the 2 operations that had ended before this one can be ordered: client 2: get "k" -> "a" at 1-0000000000001, ok, from 4 to 5
        client 1: put "k" "a" at 1-0000000000001, ok, from 0 to 1
        client 1: put "k" "b" at 2-0000000000001, ok, from 2 to 3
        client 2: get "k" -> "a" at 1-0000000000001, ok, from 4 to 5
FAIL  I3   reads after acknowledged writes: 1 violation, 1 checked
`);
  expect(stdout).toContain(`FAIL  I9   exactly-once append: 1 violation, 1 checked
      p1: an acknowledged append is lost: client 1: append "c" at 3-0000000000001, ok, from 4 to 5
`);
});

test('check-history: what could not be judged is told', () => {
  const { status, stdout } = checkLines('append a 0..1 @1', 'put b 0..1');
  expect(status).toBe(0);
  expect(stdout).toContain('exactly-once append: 0 violations, 0 checked, 1 that it cannot judge\n');
  expect(stdout).toContain('unique versions: 0 violations, 1 checked, 1 that it cannot judge\n');
});

test('check-history: a file that is no history, no file and no argument end with status 2', () => {
  const file = join(folder, 'broken.jsonl');
  writeFileSync(file, 'nonsense\n');
  expect(check(file)).toEqual({
    status: 2,
    stdout: '',
    stderr: `check-history: ${file}: line 1: it is not JSON\n`,
  });
  const missing = join(folder, 'missing');
  expect(check(missing)).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/^check-history: .+ENOENT.+\n$/),
  });
  expect(check()).toMatchObject({ status: 2, stderr: 'check-history: usage: check-history FILE\n' });
});
