// The load test against real nodes: what it counts is what they hold, and it ends well however the run ends.
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { expectOneSentence } from './support/account.js';
import { type Ending, mendlog, runMendlog, startCommand } from './support/command.js';
import { eventually } from './support/eventually.js';
import { Nodes } from './support/nodes.js';
import { freeBasePort } from './support/ports.js';
import { temporaryFolder } from './support/temporary-folder.js';

const TIMEOUT_MS = 90_000;

/** The last line of standard output. */
function resultOf({ stdout }: Ending) {
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');
}

async function storedByLoad(nodes: Nodes): Promise<number> {
  const { node1 } = await nodes.summaries();
  return node1.partitions
    .filter(({ partitionId }) => partitionId.startsWith('load-test-'))
    .reduce((sum, { records }) => sum + records, 0);
}

describe('load test', () => {
  test('load test: no cluster is one sentence', async () => {
    const basePort = await freeBasePort();
    expectOneSentence(
      await runMendlog(['load-test', '--base-port', String(basePort)]),
      `no cluster answers at http://127.0.0.1:${basePort}: start one with npm start, or name its first port with --base-port`,
    );
  });

  test(
    'load test: npm run passes its options on',
    async () => {
      const basePort = await freeBasePort();
      await using command = startCommand(
        'npm',
        ['run', '--silent', 'load-test', '--', '--base-port', String(basePort)],
        { cwd: resolve(import.meta.dirname, '..') },
      );
      expectOneSentence(await command.ended, /^no cluster answers at http:\/\/127\.0\.0\.1:/);
    },
    TIMEOUT_MS,
  );

  test.each([
    [['--seconds', '0'], /expected a number from 0\.1 to 86400; see mendlog --help$/],
    [['--seconds', ''], /expected a number from 0\.1 to 86400; see mendlog --help$/],
    [['--writers', '1.5'], /expected an integer from 1 to 100000; see mendlog --help$/],
    [['--value-bytes', '1048577'], /expected a number from 0 to 1048576; see mendlog --help$/],
    [['--read-share', 'half'], /expected a number from 0 to 1; see mendlog --help$/],
    [['--consistency', 'SOME'], /Allowed choices are .*QUORUM.*; see mendlog --help$/],
  ])('load test: a wrong option is one sentence (%j)', async (args, sentence) => {
    expectOneSentence(await runMendlog(['load-test', ...args]), sentence);
  });

  test(
    'load test: its result is what the nodes hold, and every record that it reads is there (reads=0.2)',
    async () => {
      using folder = temporaryFolder();
      const basePort = await freeBasePort();
      await using nodes = new Nodes(folder.path, basePort);
      await nodes.start();
      const options = ['--seconds', '2', '--writers', '32', '--partitions', '5', '--read-share', '0.2'];
      const ending = await runMendlog(['load-test', ...options, '--base-port', String(basePort), '--json']);
      expect({ status: ending.status, stderr: ending.stderr }, ending.stdout).toEqual({
        status: 0,
        stderr: '',
      });
      const { writes, reads, errors, ...parameters } = resultOf(ending);
      expect(parameters).toMatchObject({
        writers: 32,
        valueBytes: 256,
        partitions: 5,
        consistency: 'QUORUM',
      });
      expect(errors).toEqual({});
      expect(writes.count).toBeGreaterThan(0);
      expect(reads.count).toBeGreaterThan(0);
      for (const { count, perSecond, latencyMs } of [writes, reads]) {
        expect(perSecond).toBe(Math.round(count / parameters.seconds));
        const { p50, p90, p99, max } = latencyMs;
        expect([p50, p90, p99, max]).toEqual([p50, p90, p99, max].toSorted((a, b) => a - b));
      }
      expect(ending.stdout).toMatch(/^ +1 s {2}[0-9]+ writes\/s, p50 /m);
      await nodes.waitUntilHintsAreReplayed();
      await nodes.reconcile();
      expect(await storedByLoad(nodes)).toBe(writes.count);
    },
    TIMEOUT_MS,
  );

  test(
    'load test: Ctrl-C ends it with the result so far',
    async () => {
      using folder = temporaryFolder();
      const basePort = await freeBasePort();
      await using nodes = new Nodes(folder.path, basePort);
      await nodes.start();
      await using command = mendlog(['load-test', '--base-port', String(basePort), '--json']);
      await eventually(
        'the first live line',
        () => command.stdout + command.stderr,
        (said) => said.includes(' writes/s, '),
      );
      command.killGroup('SIGINT');
      const ending = await command.ended;
      expect({ status: ending.status, stderr: ending.stderr }).toEqual({ status: 130, stderr: '' });
      const { writes, errors, seconds } = resultOf(ending);
      expect(writes.count).toBeGreaterThan(0);
      expect(errors).toEqual({});
      expect(seconds).toBeLessThan(20);
    },
    TIMEOUT_MS,
  );

  test(
    'load test: a cluster that dies meanwhile is counted by error code (killed=all three)',
    async () => {
      using folder = temporaryFolder();
      const basePort = await freeBasePort();
      await using nodes = new Nodes(folder.path, basePort);
      await nodes.start();
      const options = ['--seconds', '4', '--base-port', String(basePort), '--json'];
      await using command = mendlog(['load-test', ...options]);
      await eventually(
        'the first live line',
        () => command.stdout + command.stderr,
        (said) => said.includes(' writes/s, '),
      );
      await nodes.kill();
      const ending = await command.ended;
      expect({ status: ending.status, stderr: ending.stderr }).toEqual({ status: 0, stderr: '' });
      const { writes, errors } = resultOf(ending);
      expect(writes.count).toBeGreaterThan(0);
      expect(errors.UNREACHABLE).toBeGreaterThan(0);
      expect(errors.INTERNAL).toBeUndefined();
    },
    TIMEOUT_MS,
  );
});
