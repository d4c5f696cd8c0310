// The commands for backups and exports as a user runs them: what they print, what they refuse, and what is left where
// they die.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectOneSentence } from './support/account.js';
import { MAIN, mendlog, runMendlog, startCommand } from './support/command.js';
import { eventually } from './support/eventually.js';
import { type TemporaryFolder, temporaryFolder } from './support/temporary-folder.js';

const TIMEOUT_MS = 90_000;
const RECORDS = 30_000;
const TRIES_MAX = 20;
const ORIGIN = '0000000000001';

let folder: TemporaryFolder;
const at = (name: string) => join(folder.path, name);

/** A data folder whose copy takes a moment. */
beforeAll(async () => {
  folder = temporaryFolder();
  mkdirSync(at('tmp'));
  await makeEmpty('data', 'node1');
  const records = Array.from({ length: RECORDS }, (_, i) => ({
    version: `${i + 1}-${ORIGIN}`,
    timeMs: 1_764_115_200_000,
    value: Buffer.from(`record ${i + 1} `.repeat(100)).toString('base64'),
  }));
  const header = { mendlog: 'partition', format: 1, partition: 'events', head: RECORDS, trimmedTo: 0 };
  const lines = [header, ...records, { end: true, records: RECORDS }];
  writeFileSync(at('made.json'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  expect(await run('import', '--data', 'data', 'made.json')).toMatchObject({ status: 0 });
});
afterAll(() => folder[Symbol.dispose]());

/** Runs it in the folder, with a temporary folder of its own that has to be empty in the end. */
async function run(...args: readonly string[]) {
  const ending = await runMendlog(args, { cwd: folder.path, env: { TMPDIR: at('tmp') } });
  expect(readdirSync(at('tmp'))).toEqual([]);
  return ending;
}

function remove(...names: readonly string[]): void {
  for (const name of names) rmSync(at(name), { recursive: true, force: true });
}

/** Sends a signal to the command when this path is there; false where it came to its end before. */
async function interrupted(args: readonly string[], path: string, signal: NodeJS.Signals): Promise<boolean> {
  await using command = mendlog(args, { cwd: folder.path });
  let ended = false;
  void command.ended.then(() => {
    ended = true;
  });
  while (!existsSync(at(path)) && !ended) await delay(1);
  command.kill(signal);
  const { status } = await command.ended;
  return status !== 0;
}

/** The same, as often as it takes to be in time. */
async function interruptedInTime(
  args: readonly string[],
  { made, path, signal }: { made: string; path: string; signal: NodeJS.Signals },
): Promise<void> {
  for (let i = 0; i < TRIES_MAX; i++) {
    remove(made);
    if (await interrupted(args, path, signal)) return;
  }
  throw new Error(`${args[0]} was never interrupted in time`);
}

describe('backup', () => {
  test(
    'backup: made, verified, restored and served (command line)',
    async () => {
      const made = await run('backup', '--data', 'data', '--to', 'backup');
      expect(made).toMatchObject({ status: 0, stderr: '' });
      const summary = /node1 \(30000 records in 1 partition, [0-9.]+ MiB\)/;
      expect(made.stdout).toMatch(new RegExp(`^backup of ${summary.source} in backup\n$`));
      const verified = await run('verify-backup', 'backup');
      expect(verified).toMatchObject({ status: 0, stderr: '' });
      expect(verified.stdout).toMatch(new RegExp(`^the backup of ${summary.source} is sound, made 2`));
      const restored = await run('restore', 'backup', '--to', 'restored');
      expect(restored).toMatchObject({ status: 0, stderr: '' });
      expect(restored.stdout).toMatch(/^restored is a data folder of node1, from the backup of node1 /);
      const args = ['--data', at('restored'), '--listen', '127.0.0.1:0'];
      await using node = mendlog(['serve', '--id', 'node1', ...args]);
      await eventually(
        'the node to listen',
        () => node.stdout + node.stderr,
        (said) => said.includes(' listens on '),
      );
      const url = /http:\S+/.exec(node.stdout)?.[0] ?? '';
      const answer = await (await fetch(`${url}/api/read/events/30000`)).text();
      expect(answer).toContain('record 30000 record 30000');
      node.kill('SIGTERM');
      await node.ended;
      const renamed = await run('restore', 'backup', '--to', 'renamed', '--id', 'node9');
      expect(renamed.stdout).toMatch(/^renamed is a data folder of node9, /);
      expectOneSentence(
        await run('serve', '--id', 'node1', '--data', 'renamed', '--listen', '127.0.0.1:0'),
        'renamed belongs to node node9, not to node1',
      );
      const storeId = (name: string) => JSON.parse(readFileSync(at(`${name}/meta.json`), 'utf8')).storeId;
      expect(new Set(['data', 'restored', 'renamed'].map(storeId)).size).toBe(3);
      remove('restored', 'renamed');
    },
    TIMEOUT_MS,
  );

  test('backup: a mistake is one sentence', async () => {
    remove('none');
    expectOneSentence(
      await run('backup', '--data', 'none', '--to', 'x'),
      'none is no data folder of a node: it has no meta.json',
    );
    expectOneSentence(await run('backup', '--to', 'x'), /^dataDir is not set: give --data, /);
    expectOneSentence(await run('backup', '--data', 'data'), /--to <dir>' not specified/);
    expectOneSentence(
      await run('backup', '--data', 'data', '--to', 'data/inside'),
      'the folder data/inside is in the data folder data: name one outside of it',
    );
    for (const command of [
      ['backup', '--data', 'data'],
      ['restore', 'backup'],
    ])
      expectOneSentence(
        await run(...command, '--to', 'tmp/..'),
        'the folder tmp/.. is not empty: name one that is, or that is not there yet',
      );
    expectOneSentence(
      await run('restore', 'backup', '--to', 'x', '--id', 'no/de'),
      'the node id is "no/de": expected 1 to 100 of A-Z a-z 0-9 . _ -',
    );
    for (const command of [
      ['verify-backup', 'data'],
      ['restore', 'data', '--to', 'x'],
    ])
      expectOneSentence(
        await run(...command),
        'data is no backup, or one that was cut short: it has no manifest.json',
      );
    expectOneSentence(
      await run('serve', '--id', 'node1', '--data', 'backup', '--listen', '127.0.0.1:0'),
      'backup is a backup, which no node may change: restore it into another folder with mendlog restore',
    );
    expect([existsSync(at('none')), existsSync(at('x')), existsSync(at('data/inside'))]).toEqual([
      false,
      false,
      false,
    ]);
    expect(await run('verify-backup', 'backup')).toMatchObject({ status: 0 });
  });

  test('backup: a node that runs is left alone (backup, export, import)', async () => {
    await using node = mendlog(['serve', '--id', 'node1', '--data', at('data'), '--listen', '127.0.0.1:0']);
    await eventually(
      'the node to listen',
      () => node.stdout + node.stderr,
      (said) => said.includes(' listens on '),
    );
    const sentence = `the data folder data is in use by process ${node.pid}; stop it first`;
    for (const command of [
      ['backup', '--data', 'data', '--to', 'x'],
      ['export', '--data', 'data', '--partition', 'events'],
      ['import', '--data', 'data', 'backup/manifest.json'],
    ])
      expectOneSentence(await run(...command), sentence);
    expect(existsSync(at('x'))).toBe(false);
    node.kill('SIGTERM');
    await node.ended;
  });

  test.each(['index', 'log/data.mdb', 'log/lock.mdb'])(
    'backup: killed while it is made, it is refused, and the data is as it was (moment=%s)',
    async (path) => {
      const moment = { made: 'cut', path: `cut/${path}`, signal: 'SIGKILL' } as const;
      await interruptedInTime(['backup', '--data', 'data', '--to', 'cut'], moment);
      const sentence = 'cut is no backup, or one that was cut short: it has no manifest.json';
      expectOneSentence(await run('verify-backup', 'cut'), sentence);
      expectOneSentence(await run('restore', 'cut', '--to', 'x'), sentence);
      expectOneSentence(await run('backup', '--data', 'data', '--to', 'cut'), /is not empty/);
      remove('cut');
      const again = await run('backup', '--data', 'data', '--to', 'cut');
      expect(again).toMatchObject({ status: 0, stdout: expect.stringMatching(/^backup of node1 \(30000 /) });
      expect(await run('verify-backup', 'cut')).toMatchObject({ status: 0 });
      remove('cut');
    },
    TIMEOUT_MS,
  );

  test(
    'restore: killed while it goes on, no node starts on what is there (moment=log/data.mdb)',
    async () => {
      const moment = { made: 'cut', path: 'cut/log/data.mdb', signal: 'SIGKILL' } as const;
      await interruptedInTime(['restore', 'backup', '--to', 'cut'], moment);
      expectOneSentence(
        await run('serve', '--id', 'node1', '--data', 'cut', '--listen', '127.0.0.1:0'),
        'cut holds a restore that was cut short: remove it and restore again',
      );
      expectOneSentence(await run('restore', 'backup', '--to', 'cut'), /is not empty/);
      remove('cut');
      expect(await run('restore', 'backup', '--to', 'cut')).toMatchObject({ status: 0 });
      remove('cut');
    },
    TIMEOUT_MS,
  );

  test.each([
    ['backup', ['backup', '--data', 'data', '--to', 'cut'], 'cut/index'],
    ['restore', ['restore', 'backup', '--to', 'cut'], 'cut'],
  ])(
    'backup: Ctrl-C leaves nothing (command=%s)',
    async (_, args, path) => {
      await interruptedInTime(args, { made: 'cut', path, signal: 'SIGINT' });
      expect(existsSync(at('cut'))).toBe(false);
    },
    TIMEOUT_MS,
  );
});

/** Told now and then, so never or often as the machine is fast or slow. */
const PROGRESS = expect.stringMatching(/^( *\d+ records read\n)*$/);
const EXPORTED = expect.stringMatching(/^( *\d+ records of events\n)*30000 records of events exported\n$/);

describe('export', () => {
  test(
    'export: to a file and to standard output, and imported into another node',
    async () => {
      const exported = await run('export', '--data', 'data', '--partition', 'events');
      expect(exported).toMatchObject({ status: 0, stderr: EXPORTED });
      expect(exported.stdout).toBe(readFileSync(at('made.json'), 'utf8'));
      expect(
        await run('export', '--data', 'data', '--partition', 'events', '--to', 'lines.json'),
      ).toMatchObject({
        ...{ status: 0, stdout: '', stderr: EXPORTED },
      });
      expect(readFileSync(at('lines.json'), 'utf8')).toBe(exported.stdout);
      expectOneSentence(
        await run('export', '--data', 'data', '--partition', 'events', '--to', 'lines.json'),
        'cannot write the file lines.json: it is there already, and nothing is written over',
      );

      await makeEmpty('other', 'node2');
      expect(await run('import', '--data', 'other', 'lines.json')).toMatchObject({
        ...{ status: 0, stderr: PROGRESS, stdout: '30000 records of events read, 30000 of them new\n' },
      });
      const again = startCommand(
        'sh',
        ['-c', `'${process.execPath}' '${MAIN}' import --data other <lines.json`],
        {
          cwd: folder.path,
        },
      );
      expect(await again.ended).toMatchObject({
        ...{ status: 0, stderr: PROGRESS, stdout: '30000 records of events read, 0 of them new\n' },
      });
      expect((await run('export', '--data', 'other', '--partition', 'events')).stdout).toBe(exported.stdout);
    },
    TIMEOUT_MS,
  );

  test('import: a mistake is one sentence', async () => {
    const bad: [name: string, text: string, sentence: string][] = [
      [
        'cut.json',
        '{"mendlog":"partition","format":1,"partition":"e","head":0,"trimmedTo":0}\n',
        'line 2: the last line is missing: the export was cut after 0 records',
      ],
      ['bad.json', '{}\n', 'line 1: mendlog: Invalid input: expected "partition"'],
      ['empty.json', '', 'line 1: there is none: the first line names the partition'],
    ];
    await makeEmpty('fresh', 'node3');
    for (const [name, text, sentence] of bad) {
      writeFileSync(at(name), text);
      expectOneSentence(await run('import', '--data', 'fresh', name), sentence);
    }
    expectOneSentence(
      await run('import', '--data', 'fresh', '--partition', 'p', 'lines.json'),
      'the export is of partition events, not of p',
    );
    expectOneSentence(
      await run('import', '--data', 'fresh', 'missing.json'),
      'cannot read the export missing.json: there is no such file',
    );
    expectOneSentence(
      await run('import', '--data', 'fresh', 'tmp'),
      'cannot read the export tmp: it is a folder, not a file',
    );
    expectOneSentence(
      await run('export', '--data', 'data', '--partition', 'none'),
      'there is no partition none',
    );
    writeFileSync(at('secret'), 'the secret of another cluster\n');
    expectOneSentence(
      await run('import', '--data', 'data', '--secret-file', 'secret', 'lines.json'),
      'data was written under another cluster secret: use that one',
    );
    expectOneSentence(
      await run('verify-backup', '--secret-file', 'secret', 'backup'),
      /was written under another cluster secret: use that one$/,
    );
  });

  test('check: a sound folder is said to be sound, what the disk has changed is named, and status 1', async () => {
    await makeEmpty('checked', 'node7');
    const lines = [
      { mendlog: 'partition', format: 1, partition: 'few', head: 3, trimmedTo: 0 },
      ...[1, 2, 3].map((counter) => ({
        version: `${counter}-${ORIGIN}`,
        timeMs: 1,
        value: Buffer.from(`the value of record ${counter}`).toString('base64'),
      })),
      { end: true, records: 3 },
    ];
    writeFileSync(at('few.json'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    expect(await run('import', '--data', 'checked', 'few.json')).toMatchObject({ status: 0 });
    expect(await run('check', '--data', 'checked')).toMatchObject({
      status: 0,
      stdout: '3 records of node7, 141 bytes: all as written\n',
    });
    const path = at('checked/log/data.mdb');
    const file = readFileSync(path);
    const value = Buffer.from('the value of record 2');
    for (let place = file.indexOf(value); place >= 0; place = file.indexOf(value, place + 1))
      file[place] = 0x54;
    writeFileSync(path, file);
    expect(await run('check', '--data', 'checked')).toMatchObject({
      status: 1,
      stdout:
        '3 records of node7, 141 bytes: 1 thing found\n' +
        `  the disk has changed record 2-${ORIGIN} of few: it comes back from another replica\n`,
    });
    expectOneSentence(await run('check', '--data', 'none'), /none is no data folder of a node/);
    remove('checked', 'few.json');
  });

  test('export: output that nobody reads any more ends it without a word', async () => {
    const exporting = `'${process.execPath}' '${MAIN}' export --data data --partition events`;
    await using command = startCommand('sh', ['-c', `${exporting} | head -n 1`], { cwd: folder.path });
    const { stdout, stderr } = await command.ended;
    expect(stdout).toMatch(/^\{"mendlog":"partition".*\}\n$/);
    expect(stderr).toBe('');
    await eventually(
      'the export to end',
      () => existsSync(at('data/LOCK')),
      (isLocked) => !isLocked,
    );
  });
});

/** A data folder of a node that has stored nothing. */
async function makeEmpty(name: string, nodeId: string): Promise<void> {
  await using node = mendlog(['serve', '--id', nodeId, '--data', at(name), '--listen', '127.0.0.1:0']);
  await eventually(
    'the node to listen',
    () => node.stdout + node.stderr,
    (said) => said.includes(' listens on '),
  );
  node.kill('SIGTERM');
  await node.ended;
}
