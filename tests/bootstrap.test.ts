// The scripts that make a fresh checkout usable.
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

interface Lock {
  withLock<T>(file: string, say: (line: string) => void, work: () => T): Promise<T>;
}

const scripts = resolve(import.meta.dirname, '../scripts');

function runNode(program: string, args: readonly string[] = []) {
  return spawnSync(process.execPath, ['--eval', program, ...args], { encoding: 'utf8' });
}

describe('bootstrap', () => {
  test.each(['0.12.18', '18.20.8', '20.18.3'])(
    'too old a Node.js is one sentence and status 1 (node=%s)',
    (version) => {
      const { status, stdout, stderr } = runNode(`
      Object.defineProperty(process, 'versions', { value: { node: '${version}' } });
      require('${scripts}/bootstrap.cjs');
    `);
      expect(status).toBe(1);
      expect(stdout).toBe('');
      expect(stderr).toMatch(/^Mendlog needs Node\.js 20\.19 or newer, and this is [\d.]+: .*\n$/);
    },
  );

  test('an unknown command is one sentence and status 1', () => {
    const { status, stderr } = spawnSync(process.execPath, [`${scripts}/bootstrap.cjs`, 'fly'], {
      encoding: 'utf8',
    });
    expect(status).toBe(1);
    expect(stderr).toBe(
      'There is no command "fly": use one of start, mendlog, load-test, integration-test, chaos, test, check, build, format.\n',
    );
  });
});

describe('lock', () => {
  const { withLock } = createRequire(import.meta.url)(`${scripts}/lock.cjs`) as Lock;
  let folder: string;
  let file: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mendlog-lock-'));
    file = join(folder, 'lock');
  });
  afterEach(() => rm(folder, { recursive: true }));

  test('a lock whose owner is dead is taken over', async () => {
    const { pid } = runNode('');
    await writeFile(file, String(pid));
    await expect(
      withLock(
        file,
        () => {},
        () => 'worked',
      ),
    ).resolves.toBe('worked');
  });

  test('processes that start together work one after another (processes=4)', async () => {
    const { pid } = runNode('');
    await writeFile(file, String(pid));
    const events = join(folder, 'events');
    const program = `
      const fs = require('node:fs');
      const pause = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
      require('${scripts}/lock.cjs').withLock('${file}', () => {}, () => {
        fs.appendFileSync('${events}', 'in ');
        pause();
        fs.appendFileSync('${events}', 'out ');
      });
    `;
    const { status } = runNode(
      `
      const { spawn } = require('node:child_process');
      for (let i = 0; i < 4; i += 1) {
        spawn(process.execPath, ['--eval', process.argv[1]]).on('exit', (code) => { process.exitCode ||= code; });
      }
    `,
      [program],
    );
    expect(status).toBe(0);
    const { stdout } = runNode(`process.stdout.write(fs.readFileSync('${events}'))`);
    expect(stdout.trim()).toBe('in out in out in out in out');
  });
});
