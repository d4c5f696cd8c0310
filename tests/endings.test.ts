// How the demo ends before its time: asked to by a terminal, by a closed pipe, or not asked at all.
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { expectNothingRuns } from './support/account.js';
import { type Command, MAIN, mendlog, startCommand } from './support/command.js';
import { eventually } from './support/eventually.js';
import { awkwardLog } from './support/logs.js';
import { freeBasePort } from './support/ports.js';
import { processesWith } from './support/processes.js';
import { temporaryFolder } from './support/temporary-folder.js';

const TIMEOUT_MS = 90_000;

/** What the demo has said at each moment of its story at which it is interrupted. */
const MOMENTS = {
  starting: 'Mendlog: ',
  writing: 'Input: ',
  'node3 dead': '2. node3 killed',
  healing: '4. node3 is back',
  'serving on': 'goes on serving until Ctrl-C',
};

async function untilSaid(command: Command, text: string): Promise<void> {
  await eventually(
    `"${text}"`,
    () => command.stdout + command.stderr,
    (said) => said.includes(text),
  );
}

describe('ending', () => {
  test.each(Object.entries(MOMENTS))(
    'ending: Ctrl-C stops everything and leaves nothing behind (moment=%s)',
    async (_moment, said) => {
      using folder = temporaryFolder();
      using temporary = temporaryFolder();
      const basePort = await freeBasePort();
      const args = ['demo', '--base-port', String(basePort), '--input', awkwardLog(folder.path, 'made.log')];
      await using command = mendlog(args, { env: { TMPDIR: temporary.path } });
      await untilSaid(command, said);
      command.killGroup('SIGINT');
      const { status, signal, stderr } = await command.ended;
      expect({ status, signal, stderr }).toEqual({ status: 130, signal: null, stderr: '' });
      await expectNothingRuns(basePort);
      expect(readdirSync(temporary.path)).toEqual([]);
    },
    TIMEOUT_MS,
  );

  test(
    'ending: Ctrl-C again and again changes nothing (signals=3)',
    async () => {
      using folder = temporaryFolder();
      using temporary = temporaryFolder();
      const basePort = await freeBasePort();
      const args = ['demo', '--base-port', String(basePort), '--input', awkwardLog(folder.path, 'made.log')];
      await using command = mendlog(args, { env: { TMPDIR: temporary.path } });
      await untilSaid(command, MOMENTS.writing);
      for (let i = 0; i < 3; i++) command.killGroup('SIGINT');
      const { status, stderr } = await command.ended;
      expect({ status, stderr }).toEqual({ status: 130, stderr: '' });
      await expectNothingRuns(basePort);
      expect(readdirSync(temporary.path)).toEqual([]);
    },
    TIMEOUT_MS,
  );

  test.each([
    ['starting', MOMENTS.starting],
    ['node3 dead', MOMENTS['node3 dead']],
    ['serving on', MOMENTS['serving on']],
  ])(
    'ending: Ctrl-C under npm start (moment=%s)',
    async (_moment, said) => {
      using folder = temporaryFolder();
      using temporary = temporaryFolder();
      const basePort = await freeBasePort();
      const args = ['--base-port', String(basePort), '--input', awkwardLog(folder.path, 'made.log')];
      await using command = startCommand('npm', ['start', '--silent', '--', ...args], {
        cwd: resolve(import.meta.dirname, '..'),
        env: { TMPDIR: temporary.path },
      });
      await untilSaid(command, said);
      command.killGroup('SIGINT');
      const { status, signal, stderr } = await command.ended;
      expect({ status, signal, stderr }).toEqual({ status: 130, signal: null, stderr: '' });
      await expectNothingRuns(basePort);
      expect(readdirSync(temporary.path)).toEqual([]);
    },
    TIMEOUT_MS,
  );

  test.each(['SIGTERM', 'SIGHUP'] as const)(
    'ending: a signal to the demo alone (signal=%s)',
    async (signal) => {
      using folder = temporaryFolder();
      using temporary = temporaryFolder();
      const basePort = await freeBasePort();
      const args = ['demo', '--base-port', String(basePort), '--input', awkwardLog(folder.path, 'made.log')];
      await using command = mendlog(args, { env: { TMPDIR: temporary.path } });
      await untilSaid(command, MOMENTS['node3 dead']);
      command.kill(signal);
      const { status, stderr } = await command.ended;
      expect({ status, stderr }).toEqual({ status: signal === 'SIGTERM' ? 143 : 129, stderr: '' });
      await expectNothingRuns(basePort);
      expect(readdirSync(temporary.path)).toEqual([]);
    },
    TIMEOUT_MS,
  );

  test.each(Object.entries(MOMENTS))(
    'ending: SIGKILL of the demo ends every process that it started (moment=%s)',
    async (_moment, said) => {
      using folder = temporaryFolder();
      const basePort = await freeBasePort();
      const data = join(folder.path, 'data');
      const input = awkwardLog(folder.path, 'made.log');
      const args = ['demo', '--base-port', String(basePort), '--input', input, '--data', data];
      await using command = mendlog(args);
      await untilSaid(command, said);
      command.kill('SIGKILL');
      await command.ended;
      await eventually(
        'all processes to end',
        () => processesWith(`http://127.0.0.1:${basePort + 1}`),
        (left) => left.length === 0,
      );
      await expectNothingRuns(basePort);
    },
    TIMEOUT_MS,
  );

  test.each(['SIGINT', 'SIGTERM'] as const)(
    'ending: a node and a gateway end in order when asked to (signal=%s)',
    async (signal) => {
      using folder = temporaryFolder();
      const basePort = await freeBasePort();
      const peer = `node1=http://127.0.0.1:${basePort + 1}`;
      const listen = ['--listen', `127.0.0.1:${basePort + 1}`, '--peer', peer];
      await using node = mendlog(['serve', '--id', 'node1', '--data', join(folder.path, 'data'), ...listen]);
      await using gateway = mendlog(['gateway', '--listen', `127.0.0.1:${basePort}`, '--peer', peer]);
      for (const command of [node, gateway]) {
        await untilSaid(command, ' listens on ');
        command.killGroup(signal);
        expect(await command.ended).toMatchObject({ status: 0, signal: null });
      }
      await expectNothingRuns(basePort);
      // The lock goes with the node that held it.
      expect(readdirSync(join(folder.path, 'data'))).not.toContain('LOCK');
    },
    TIMEOUT_MS,
  );

  test(
    'ending: output that nobody reads any more ends the demo without a word',
    async () => {
      using folder = temporaryFolder();
      using temporary = temporaryFolder();
      const basePort = await freeBasePort();
      const demo = `'${process.execPath}' '${MAIN}' demo --base-port ${basePort} --input '${awkwardLog(folder.path, 'made.log')}'`;
      await using command = startCommand('bash', ['-c', `${demo} | head -n 1`], {
        env: { TMPDIR: temporary.path },
      });
      const { stdout, stderr } = await command.ended;
      expect({ stdout, stderr }).toEqual({
        stdout: 'Mendlog: three nodes, one of them about to die.\n',
        stderr: '',
      });
      await eventually(
        'the demo to remove its folder',
        () => readdirSync(temporary.path),
        (left) => left.length === 0,
      );
      await expectNothingRuns(basePort);
    },
    TIMEOUT_MS,
  );
});
