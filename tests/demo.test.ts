// The demo as a user runs it: a story told by real processes, whose account of itself is checked from outside.
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { bytesCodec, createClient } from '@mendlog/client';
import { describe, expect, test } from 'vitest';
import { expectNothingRuns } from './support/account.js';
import { type Ending, runMendlog } from './support/command.js';
import { awkwardLog, linesOf, someLogs } from './support/logs.js';
import { Nodes } from './support/nodes.js';
import { freeBasePort } from './support/ports.js';
import { temporaryFolder } from './support/temporary-folder.js';

const TIMEOUT_MS = 120_000;
const ROOT = /^[0-9a-f]{32}$/;
/** Appends that the story keeps under way. */
const OUTSTANDING = 256;

const FIELDS = [
  ...['written', 'acknowledged', 'killedNode', 'hintsStored', 'hintsDropped', 'hintsReplayed'],
  ...['missingBeforeRepair', 'repairedByAntiEntropy', 'missingAfterHeal', 'roots', 'equal', 'seconds'],
];

/** Checks how the demo ended and what it says of itself, against the number of lines it was given. */
function checkAccount({ status, signal, stdout, stderr }: Ending, lines: number): void {
  expect({ status, signal, stderr }, stdout).toEqual({ status: 0, signal: null, stderr: '' });
  const account = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');
  expect(Object.keys(account)).toEqual(FIELDS);
  expect(account).toMatchObject({ written: lines, acknowledged: lines, missingAfterHeal: 0, equal: true });

  const { hintsStored, hintsDropped, hintsReplayed, missingBeforeRepair, repairedByAntiEntropy } = account;
  expect(hintsDropped).toBeGreaterThan(0);
  expect(hintsReplayed).toBeGreaterThan(0);
  expect(hintsStored).toBe(hintsDropped + hintsReplayed);
  expect(missingBeforeRepair).toBeGreaterThan(0);
  // A write that was under way at the kill may have been flushed and have a hint all the same. One that the dead node
  // coordinated may have been flushed by the two others alone: no hint is left of it, whether or not it was acknowledged.
  const withoutHintMax = writtenTwiceMax(stdout) + OUTSTANDING;
  expect(missingBeforeRepair).toBeLessThanOrEqual(hintsDropped + withoutHintMax);
  expect(repairedByAntiEntropy).toBeGreaterThanOrEqual(missingBeforeRepair);

  expect(Object.keys(account.roots)).toEqual(['node1', 'node2', 'node3']);
  expect(Object.keys(account.roots)).toContain(account.killedNode);
  expect(account.roots.node1).toMatch(ROOT);
  expect(new Set(Object.values(account.roots)).size).toBe(1);
  expect(account.seconds).toBeGreaterThan(0);
}

/** How often the story says that it wrote a line anew because it could not know what became of it. */
function writtenTwiceMax(stdout: string): number {
  return Number(/^ *([0-9]+) lines? of unknown outcome/m.exec(stdout)?.[1] ?? 0);
}

describe('demo', () => {
  test(
    'the account is exact and nothing is left behind (files=4, data=temporary)',
    async () => {
      using folder = temporaryFolder();
      using temporary = temporaryFolder();
      const basePort = await freeBasePort();
      const inputs = someLogs(folder.path, 4);
      const lines = inputs.reduce((sum, path) => sum + linesOf(path).length, 0);
      const options = ['--exit', '--json', '--base-port', String(basePort)];

      const ending = await runMendlog(['demo', ...options, '--input', ...inputs], {
        env: { TMPDIR: temporary.path },
      });
      checkAccount(ending, lines);
      await expectNothingRuns(basePort);
      expect(readdirSync(temporary.path)).toEqual([]);
    },
    TIMEOUT_MS,
  );

  test(
    'nodes started on its data give every line back byte for byte (files=2, data=kept)',
    async () => {
      using folder = temporaryFolder();
      const basePort = await freeBasePort();
      const inputs = [awkwardLog(folder.path, 'awkward.log'), ...someLogs(folder.path, 1)];
      const lines = inputs.reduce((sum, path) => sum + linesOf(path).length, 0);
      const data = join(folder.path, 'data');
      const options = ['--exit', '--json', '--base-port', String(basePort), '--data', data];

      const ending = await runMendlog(['demo', ...options, '--input', ...inputs]);
      checkAccount(ending, lines);
      await expectNothingRuns(basePort);
      expect(readdirSync(data).sort()).toEqual(['node1', 'node2', 'node3']);
      // A second story would count the records of the first as its own.
      const again = await runMendlog(['demo', ...options, '--input', ...inputs]);
      expect(again).toMatchObject({
        status: 1,
        stderr: expect.stringMatching(/^mendlog: .* earlier run .*\n$/),
      });
      await expectNothingRuns(basePort);

      await using nodes = new Nodes(data, basePort);
      await nodes.start();
      await using client = createClient({ nodes: Object.values(nodes.urls) });
      let surplus = 0;
      for (const path of inputs) {
        const open = new Map<string, number>();
        for (const line of linesOf(path)) open.set(line, (open.get(line) ?? 0) + 1);
        const strange: string[] = [];
        for await (const { value } of client.partition(basename(path), { codec: bytesCodec }).scan()) {
          const line = Buffer.from(value).toString('latin1');
          const left = open.get(line);
          if (left === undefined) strange.push(line);
          else open.set(line, left - 1);
        }
        const missing = [...open].filter(([, left]) => left > 0);
        expect({ path, missing, strange }).toEqual({ path, missing: [], strange: [] });
        for (const left of open.values()) surplus -= left;
      }
      expect(surplus).toBeLessThanOrEqual(writtenTwiceMax(ending.stdout));
    },
    TIMEOUT_MS,
  );
});
