// `mendlog integration-test` itself: it passes, it notices what goes wrong, and it leaves nothing behind.
import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { expectNothingRuns } from './support/account.js';
import { type Command, mendlog } from './support/command.js';
import { eventually } from './support/eventually.js';
import { pidsWith } from './support/processes.js';
import { temporaryFolder } from './support/temporary-folder.js';

const TIMEOUT_MS = 180_000;
const STEPS = 12;

/** Waits for a line of the test, and returns the base port of its cluster. */
async function untilSaid(command: Command, text: string): Promise<number> {
  const said = await eventually(
    `"${text}"`,
    () => command.stdout + command.stderr,
    (all) => all.includes(text),
  );
  return Number(/gateway http:\/\/127\.0\.0\.1:([0-9]+)/.exec(said)?.[1]);
}

describe('integration test', () => {
  test(
    'integration test: every step holds, and nothing is left behind',
    async () => {
      using temporary = temporaryFolder();
      // Settings of this machine must not matter.
      const env = { TMPDIR: temporary.path, MENDLOG_READ_REPAIR_MODE: 'off' };
      await using command = mendlog(['integration-test'], { env });
      const basePort = await untilSaid(command, 'ok    1. ');
      const { status, stdout, stderr } = await command.ended;
      expect({ status, stderr }, stdout).toEqual({ status: 0, stderr: '' });
      const numbers = [...stdout.matchAll(/^ok {4}([0-9]+)\. .+: .+ \([0-9.]+ s\)$/gm)].map(([, n]) =>
        Number(n),
      );
      expect(numbers).toEqual(Array.from({ length: STEPS }, (_, i) => i + 1));
      expect(stdout).not.toContain('FAIL');
      await expectNothingRuns(basePort);
      expect(readdirSync(temporary.path)).toEqual([]);
    },
    TIMEOUT_MS,
  );

  test(
    'integration test: what goes wrong is a FAIL and status 1 (killed from outside=node1, node2)',
    async () => {
      using temporary = temporaryFolder();
      await using command = mendlog(['integration-test'], { env: { TMPDIR: temporary.path } });
      const basePort = await untilSaid(command, 'ok    1. ');
      // Without a quorum no write can be acknowledged.
      for (const offset of [1, 2]) {
        const [pid, ...others] = pidsWith(`--listen 127.0.0.1:${basePort + offset} `);
        if (pid === undefined) throw new Error(`no process listens on the base port + ${offset}`);
        expect(others).toEqual([]);
        process.kill(pid, 'SIGKILL');
      }
      const { status, stdout, stderr } = await command.ended;
      expect({ status, stderr }, stdout).toEqual({ status: 1, stderr: '' });
      expect(stdout).toMatch(/^FAIL {2}[23]\. .+$/m);
      await expectNothingRuns(basePort);
      expect(readdirSync(temporary.path)).toEqual([]);
    },
    TIMEOUT_MS,
  );

  test(
    'integration test: Ctrl-C stops everything and leaves nothing behind',
    async () => {
      using temporary = temporaryFolder();
      await using command = mendlog(['integration-test'], { env: { TMPDIR: temporary.path } });
      const basePort = await untilSaid(command, 'ok    2. ');
      command.killGroup('SIGINT');
      const { status, stderr } = await command.ended;
      expect({ status, stderr }).toEqual({ status: 130, stderr: '' });
      await expectNothingRuns(basePort);
      expect(readdirSync(temporary.path)).toEqual([]);
    },
    TIMEOUT_MS,
  );
});
