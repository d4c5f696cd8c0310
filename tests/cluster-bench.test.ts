// The cluster benchmark as a process: it ends as it should, prints its figures, and leaves nothing behind.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Command, startCommand } from './support/command.js';
import { eventually } from './support/eventually.js';
import { temporaryFolder } from './support/temporary-folder.js';

const BENCH = resolve(import.meta.dirname, '../bench/dist/cluster.js');
const COMPARE = resolve(import.meta.dirname, '../bench/dist/compare-turns.js');
const TIMEOUT_MS = 60_000;

/** Temporary files go to the folder. */
function bench(args: readonly string[], folder: string): Command {
  return startCommand(process.execPath, [BENCH, ...args], { env: { TMPDIR: folder } });
}

/** What a run that ends well writes. */
async function resultOf(args: readonly string[], folder: string) {
  const json = join(folder, 'result.json');
  await using command = bench([...args, '--json', json], folder);
  const { status, stdout, stderr } = await command.ended;
  expect({ status, stderr }, stdout).toEqual({ status: 0, stderr: '' });
  return { json, stdout, result: JSON.parse(readFileSync(json, 'utf8')) };
}

describe('cluster bench', () => {
  test(
    'cluster bench: a short run ends well with figures and leaves nothing (seconds=2, outstanding=2)',
    async () => {
      using folder = temporaryFolder();
      const args = ['--seconds', '2', '--warm-up', '0.5', '--outstanding', '2', '--partitions', '8'];
      const { stdout, result } = await resultOf(args, folder.path);
      const { levels } = result;
      expect(stdout).toMatch(/bare disk before, 65536 bytes a sync: [\d,]+ syncs\/s/);
      expect(stdout).toMatch(/2 outstanding, .* records\/s; CPU client [\d.]+, node1 [\d.]+, /);
      expect(levels).toHaveLength(1);
      expect(levels[0]).toMatchObject({ outstanding: 2, errors: {} });
      expect(levels[0].records).toBeGreaterThan(0);
      expect(readdirSync(folder.path)).toEqual(['result.json']);
    },
    TIMEOUT_MS,
  );

  test(
    'cluster bench: an open loop follows the closed one (rate=2x, clients=2)',
    async () => {
      using folder = temporaryFolder();
      const args = ['--seconds', '1', '--warm-up', '0.5', '--outstanding', '8', '--partitions', '8'];
      const load = ['--rate', '2x', '--clients', '2'];
      const { result } = await resultOf([...args, ...load], folder.path);
      const [{ recordsPerSecond, offered }] = result.levels;
      expect(offered.callsPerSecond).toBe(2 * recordsPerSecond.median);
      expect(offered.offeredPerSecond).toBeGreaterThan(0);
      expect(offered.shareOfPeak).toBe(offered.recordsPerSecond.median / recordsPerSecond.median);
    },
    TIMEOUT_MS,
  );

  test(
    'cluster bench: runs that take turns have their windows in them, and can be compared (turn=1/2)',
    async () => {
      using folder = temporaryFolder();
      const args = ['--seconds', '10', '--warm-up', '0.5', '--outstanding', '2', '--partitions', '8'];
      const { json, result } = await resultOf([...args, '--turn', '1/2'], folder.path);
      const [{ records, windows }] = result.levels;
      expect(windows).toHaveLength(2);
      expect(records).toBeGreaterThan(0);
      await using comparison = startCommand(process.execPath, [COMPARE, json, json]);
      const compared = await comparison.ended;
      expect(compared).toMatchObject({ status: 0, stderr: '' });
      expect(compared.stdout).toMatch(/records\/s' +│ '0\.0 %' +│ '0\.0 %' +│ 2 /);
      await using wrong = startCommand(process.execPath, [COMPARE, json]);
      expect(await wrong.ended).toMatchObject({
        status: 1,
        stderr: expect.stringMatching(/^compare-turns: usage: /),
      });
    },
    TIMEOUT_MS,
  );

  test(
    'cluster bench: every get that should repair a replica does, and none of the others (mode=repair)',
    async () => {
      using folder = temporaryFolder();
      const args = ['--mode', 'repair', '--seconds', '1', '--warm-up', '0.2', '--partitions', '8'];
      const { result } = await resultOf(args, folder.path);
      const { plain, repairing } = result;
      expect(repairing.count).toBeGreaterThan(0);
      expect(plain.count).toBe(repairing.count);
      expect(readdirSync(folder.path)).toEqual(['result.json']);
    },
    TIMEOUT_MS,
  );

  test.each(['SIGINT', 'SIGTERM'] as const)(
    'cluster bench: it stops everything when asked to (%s)',
    async (signal) => {
      using folder = temporaryFolder();
      await using command = bench(['--outstanding', '2', '--partitions', '8'], folder.path);
      const dataOf = (name: string) => join(folder.path, name, 'data-2', 'node3');
      await eventually(
        'the data of a node',
        () => readdirSync(folder.path),
        (names) => names.some((name) => existsSync(dataOf(name))),
      );
      command.killGroup(signal);
      const { status, stderr } = await command.ended;
      expect({ status, stderr }).toEqual({ status: signal === 'SIGINT' ? 130 : 143, stderr: '' });
      expect(readdirSync(folder.path)).toEqual([]);
    },
    TIMEOUT_MS,
  );

  test('cluster bench: a wrong option is one sentence with the usage', async () => {
    using folder = temporaryFolder();
    await using command = bench(['--outstanding', 'many'], folder.path);
    const { status, stdout, stderr } = await command.ended;
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(
      /^cluster: --outstanding has "many": expected .*; node bench\/dist\/cluster\.js .*\n$/,
    );
    expect(readdirSync(folder.path)).toEqual([]);
  });

  test('cluster bench: memory is held for a command, and its status is that of the command (GiB=0.2)', async () => {
    const held = (...args: readonly string[]) =>
      startCommand(process.execPath, [resolve(import.meta.dirname, '../bench/dist/held-memory.js'), ...args]);
    await using ends = held('0.2', '1000', process.execPath, '-e', 'process.exit(3)');
    expect(await ends.ended).toMatchObject({ status: 3, stdout: expect.stringContaining('0.2 GiB held') });
    await using wrong = held('0.2', 'fast', 'true');
    expect(await wrong.ended).toMatchObject({ status: 2, stderr: expect.stringContaining('MIB_PER_SECOND') });
    await using missing = held('0.2', '1000', 'no-such-command');
    expect(await missing.ended).toMatchObject({ status: 2, stderr: expect.stringContaining('ENOENT') });
  });
});
