import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readInputs } from '../src/demo/input.js';

const NOBODY = 65_534;

describe('input', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'mendlog-input-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('lines: CR and empty lines are kept, a last line without LF counts', () => {
    const path = join(folder, 'a b.log');
    writeFileSync(path, 'one\r\n\nlast');
    const [file] = readInputs([path]);
    expect(file?.lines.map((line) => Buffer.from(line).toString())).toEqual(['one\r', '', 'last']);
    expect(file?.partition).toBe('a_b.log');
  });

  it('partitions: two files of one name are told apart', () => {
    const path = join(folder, 'same.log');
    writeFileSync(path, 'x\n');
    expect(readInputs([path, path]).map(({ partition }) => partition)).toEqual(['same.log', 'same.log-2']);
  });

  it('refusals: an empty file and a missing one are named', () => {
    const empty = join(folder, 'empty.log');
    writeFileSync(empty, '');
    expect(() => readInputs([empty])).toThrow(/is empty/);
    expect(() => readInputs([join(folder, 'missing.log')])).toThrow(/missing\.log/);
  });

  it('refusals: a file that this user may not read is named', () => {
    const secret = join(folder, 'secret.log');
    writeFileSync(secret, 'x\n', { mode: 0o000 });
    // Root may read everything, so it becomes somebody else for a moment.
    const isRoot = process.geteuid?.() === 0;
    if (isRoot) process.seteuid?.(NOBODY);
    try {
      expect(() => readInputs([secret])).toThrow(/secret\.log: this user may not read it$/);
    } finally {
      if (isRoot) process.seteuid?.(0);
    }
  });
});
