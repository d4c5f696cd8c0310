// The chaos command as a process: one fault of each kind, a history that anyone can check, and nothing left behind.
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Command, startCommand } from './support/command.js';
import { eventually } from './support/eventually.js';
import { processesWith } from './support/processes.js';
import { temporaryFolder } from './support/temporary-folder.js';

const CHAOS = resolve(import.meta.dirname, '../packages/chaos/dist/main.js');
const CHECK_HISTORY = resolve(import.meta.dirname, '../packages/sim/dist/check-history.js');
const TIMEOUT_MS = 180_000;
const KINDS = ['kill', 'kill-all', 'wipe', 'stop', 'isolate', 'refuse', 'split', 'one-way', 'slow'];

/** Temporary files go to the folder. */
function chaos(args: readonly string[], folder: string): Command {
  return startCommand(process.execPath, [CHAOS, ...args], { env: { TMPDIR: folder } });
}

function lastLine(stdout: string): string {
  return stdout.trimEnd().split('\n').at(-1) ?? '';
}

describe('chaos', () => {
  test(
    'chaos: every check holds under one fault of each kind, and hundreds of calls succeed (seconds=8, clients=8)',
    async () => {
      using folder = temporaryFolder();
      const history = join(folder.path, 'history.jsonl');
      const args = ['--seconds', '8', '--seed', '7', '--schedule', 'one-of-each', '--history', history];
      await using command = chaos(args, folder.path);
      const { status, stdout, stderr } = await command.ended;
      expect({ status, stderr }, stdout).toEqual({ status: 0, stderr: '' });
      const last = lastLine(stdout);
      expect(last).toContain(`faults: ${KINDS.map((kind) => `${kind} 1`).join(', ')}; 0 violations`);
      expect(Number(/operations \((\d+) ok/.exec(last)?.[1])).toBeGreaterThan(300);
      // The data of the nodes are gone, and nobody uses them any more.
      expect(readdirSync(folder.path)).toEqual(['history.jsonl']);
      expect(processesWith(folder.path)).toEqual([]);

      await using check = startCommand(process.execPath, [CHECK_HISTORY, history]);
      const checked = await check.ended;
      expect(checked.status, checked.stdout).toBe(0);
      expect(checked.stdout).toContain('2 final reads');
    },
    TIMEOUT_MS,
  );

  test.each(['SIGINT', 'SIGTERM'] as const)(
    'chaos: it stops everything when asked to (%s)',
    async (signal) => {
      using folder = temporaryFolder();
      await using command = chaos(['--seconds', '60', '--seed', '7'], folder.path);
      await eventually(
        'a fault',
        () => command.stdout,
        (said) => said.includes(' kill '),
      );
      command.killGroup(signal);
      const { status, stderr } = await command.ended;
      expect({ status, stderr }).toEqual({ status: signal === 'SIGINT' ? 130 : 143, stderr: '' });
      expect(readdirSync(folder.path)).toEqual([]);
      expect(processesWith(folder.path)).toEqual([]);
    },
    TIMEOUT_MS,
  );

  test.each([
    [['--seconds', 'long'], '--seconds is "long": expected an integer from 5 to 86400'],
    [['--seed', '-1'], /--seed/],
    [['--schedule', 'worst'], '--schedule is "worst": expected random or one-of-each'],
    [['--clients', '65'], '--clients is "65": expected an integer from 1 to 64'],
  ])('chaos: a wrong option is one sentence with the usage (%s)', async (args, sentence) => {
    using folder = temporaryFolder();
    await using command = chaos(args, folder.path);
    const { status, stdout, stderr } = await command.ended;
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(/^chaos: [^\n]+; npm run chaos [^\n]+\n$/);
    expect(stderr).toEqual(
      typeof sentence === 'string' ? expect.stringContaining(sentence) : expect.stringMatching(sentence),
    );
    expect(existsSync(join(folder.path, 'history.jsonl'))).toBe(false);
  });

  test('chaos: a history that cannot be written is one sentence, and nothing is started', async () => {
    using folder = temporaryFolder();
    const args = ['--seconds', '5', '--history', join(folder.path, 'missing', 'history.jsonl')];
    await using command = chaos(args, folder.path);
    const { status, stderr } = await command.ended;
    expect(status).toBe(2);
    expect(stderr).toMatch(/^chaos: [^\n]*ENOENT[^\n]*\n$/);
    expect(readdirSync(folder.path)).toEqual([]);
  });
});
