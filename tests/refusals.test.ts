// What a user can get wrong before anything runs. Each time: one sentence, status 1, and nothing left behind.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectNothingRuns, expectOneSentence } from './support/account.js';
import { mendlog, runMendlog } from './support/command.js';
import { eventually } from './support/eventually.js';
import { freeBasePort } from './support/ports.js';
import { type TemporaryFolder, temporaryFolder } from './support/temporary-folder.js';

const LINE_BYTES_MAX = 1024 * 1024;

/** The part of a data folder's description that these tests change. */
interface Meta {
  readonly format: number;
  readonly nodeId: string;
}

let folder: TemporaryFolder;
let basePort: number;
/** Of a data folder that node1 has made. */
let meta: Meta;

const at = (name: string) => join(folder.path, name);

beforeAll(async () => {
  folder = temporaryFolder();
  basePort = await freeBasePort();
  mkdirSync(at('folder'));
  mkdirSync(at('tmp'));
  writeFileSync(at('good.log'), 'one\ntwo\n');
  writeFileSync(at('empty.log'), '');
  writeFileSync(at('long.log'), `short\n${'x'.repeat(LINE_BYTES_MAX + 1)}\n`);
  writeFileSync(at('short-secret'), 'short\n');
  writeFileSync(at('empty-secret'), '\n');

  await using node = mendlog(['serve', '--id', 'node1', '--data', at('made'), '--listen', '127.0.0.1:0']);
  await eventually(
    'the node to listen',
    () => node.stdout + node.stderr,
    (said) => said.includes('listens on'),
  );
  meta = JSON.parse(readFileSync(at('made/meta.json'), 'utf8'));
});
afterAll(() => folder[Symbol.dispose]());

/** Runs it in the folder, with a temporary folder of its own that has to be empty in the end. */
async function run(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const ending = await runMendlog(args, { cwd: folder.path, env: { TMPDIR: at('tmp'), ...env } });
  expect(readdirSync(at('tmp'))).toEqual([]);
  return ending;
}

function demo(...args: readonly string[]) {
  return run(['demo', '--exit', '--base-port', String(basePort), ...args]);
}

function serve(...args: readonly string[]) {
  return run(['serve', '--listen', `127.0.0.1:${basePort + 1}`, ...args]);
}

/** Listens on a port until disposed. */
async function occupied(port: number): Promise<AsyncDisposable> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return { [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())) };
}

describe('arguments', () => {
  test.each([
    [['fly'], "unknown command 'fly'; see mendlog --help"],
    [['--wings'], "unknown option '--wings'; see mendlog --help"],
    [['demo', '--wings'], "unknown option '--wings'; see mendlog --help"],
    [['demo', '--input'], "option '--input <file...>' argument missing; see mendlog --help"],
    [['demo', '--base-port', '0'], /a port is a number from 1 to 65528; see mendlog --help$/],
    [['demo', '--base-port', '65529'], /a port is a number from 1 to 65528; see mendlog --help$/],
    [['demo', '--base-port', 'http'], /a port is a number from 1 to 65528; see mendlog --help$/],
    [
      ['serve', '--id', 'n', '--data', 'd', '--listen', 'here'],
      /^--listen is "[^"]+": expected an address such as 127\.0\.0\.1:8081/,
    ],
    [
      ['serve', '--id', 'n', '--data', 'd', '--listen', '127.0.0.1:65536'],
      /^--listen is "[^"]+": expected an address such as 127\.0\.0\.1:8081/,
    ],
    [['serve', '--id', '', '--data', 'd', '--listen', '127.0.0.1:0'], '--id is "": expected a name'],
    [
      ['serve', '--id', 'n', '--data', 'd', '--listen', '127.0.0.1:0', '--peer', 'node1'],
      /a peer looks like node1=http:\/\/127\.0\.0\.1:8081; see mendlog --help$/,
    ],
    [
      ['serve', '--id', 'n', '--data', 'd', '--listen', '127.0.0.1:0', '--peer', 'node2=ftp://127.0.0.1'],
      /a peer looks like node1=http:\/\/127\.0\.0\.1:8081; see mendlog --help$/,
    ],
    [['serve', '--id', 'n', '--data', 'd', '--listen', '0.0.0.0:0'], /needs a cluster secret/],
  ])('arguments: a mistake is named (%j)', async (args, sentence) => {
    expectOneSentence(await run(args), sentence);
  });
});

describe('input', () => {
  test.each([
    ['missing.log', 'cannot read the input file missing.log: there is no such file'],
    ['good.log/x', 'cannot read the input file good.log/x: there is no such file'],
    ['folder', 'cannot read the input file folder: it is a folder, not a file'],
    ['empty.log', 'the input file empty.log is empty'],
    ['long.log', 'long.log has a line of 1048577 bytes, and a record holds 1048576'],
  ])('input: a file that cannot be written to the log is named (%s)', async (name, sentence) => {
    expectOneSentence(await demo('--input', 'good.log', name), sentence);
  });
});

describe('secret', () => {
  test.each([
    ['missing-secret', 'cannot read the secret file missing-secret: there is no such file'],
    ['folder', 'cannot read the secret file folder: it is a folder, not a file'],
    ['short-secret', 'the cluster secret has 5 bytes, and at least 16 are needed'],
    ['empty-secret', 'the cluster secret has 0 bytes, and at least 16 are needed'],
  ])('secret: a file without a good one is refused (%s)', async (name, sentence) => {
    expectOneSentence(await demo('--input', 'good.log', '--secret-file', name), sentence);
    expectOneSentence(await serve('--id', 'node1', '--data', 'data', '--secret-file', name), sentence);
  });

  test('secret: a short one in the environment is refused', async () => {
    const args = ['demo', '--exit', '--base-port', String(basePort), '--input', 'good.log'];
    const ending = await run(args, { MENDLOG_CLUSTER_SECRET: 'short' });
    expectOneSentence(ending, 'the cluster secret has 5 bytes, and at least 16 are needed');
  });
});

describe('ports', () => {
  test.each([0, 1, 2, 3, 4, 5, 6, 7])(
    'ports: a taken one is named (demo, base port + %i)',
    async (offset) => {
      await using _taken = await occupied(basePort + offset);
      const ending = await demo('--input', 'good.log', '--data', 'data-of-no-demo');
      expectOneSentence(
        ending,
        `port ${basePort + offset} is taken; stop what uses it, or choose others with --base-port`,
      );
      expect(readdirSync(folder.path)).not.toContain('data-of-no-demo');
    },
  );

  test('ports: a taken one is named (serve, gateway)', async () => {
    const sentence = `cannot listen on 127.0.0.1:${basePort + 1}: the port is taken; stop what uses it or choose another`;
    await using _taken = await occupied(basePort + 1);
    expectOneSentence(await serve('--id', 'node1', '--data', 'data-without-port'), sentence);
    const listen = [`127.0.0.1:${basePort}`, `127.0.0.1:${basePort + 1}`];
    const gateway = ['gateway', '--peer', `node1=http://127.0.0.1:${basePort + 2}`, '--listen', ...listen];
    expectOneSentence(await run(gateway), sentence);
  });
});

describe('data folder', () => {
  test.each([
    ['good.log', /^cannot use the data folder .*good\.log: there is a file of that name$/],
    ['good.log/x', /^cannot use the data folder .*good\.log\/x: a part of the path is a file, not a folder$/],
    // Node's recursive mkdir never returns from there.
    ['/proc/mendlog', 'cannot use the data folder /proc/mendlog: no folder can be made there'],
    ['', '--data is "": expected a folder'],
  ])('data folder: one that cannot be made is named (%j)', async (path, sentence) => {
    expectOneSentence(await demo('--input', 'good.log', '--data', path), sentence);
    expectOneSentence(await serve('--id', 'node1', '--data', path), sentence);
    await expectNothingRuns(basePort);
  });

  test('data folder: in use by another process', async () => {
    const args = ['--data', at('used'), '--listen', '127.0.0.1:0'];
    await using first = mendlog(['serve', '--id', 'node1', ...args]);
    await eventually(
      'the first node to listen',
      () => first.stdout,
      (said) => said.includes('listens on'),
    );
    const ending = await run(['serve', '--id', 'node1', ...args]);
    expectOneSentence(
      ending,
      `the data folder ${at('used')} is in use by process ${first.pid}; stop it first`,
    );
  });

  test.each([
    [
      'of another node',
      (meta: Meta) => ({ ...meta, nodeId: 'node2' }),
      / belongs to node node2, not to node1$/,
    ],
    [
      'of a later format',
      (meta: Meta) => ({ ...meta, format: meta.format + 1 }),
      / has store format [0-9]+, and /,
    ],
    ['of something else', () => 'no meta', /meta\.json is not the description of a Mendlog data folder$/],
  ])('data folder: %s', async (what, change, sentence) => {
    const data = at(what.replaceAll(' ', '-'));
    mkdirSync(join(data, 'node1'), { recursive: true });
    writeFileSync(join(data, 'node1/meta.json'), JSON.stringify(change(meta)));
    expectOneSentence(await serve('--id', 'node1', '--data', join(data, 'node1')), sentence);
    expectOneSentence(await demo('--input', 'good.log', '--data', data), sentence);
    await expectNothingRuns(basePort);
  });

  test('data folder: a store that is no database', async () => {
    const data = at('broken');
    mkdirSync(data);
    writeFileSync(join(data, 'meta.json'), JSON.stringify(meta));
    writeFileSync(join(data, 'log'), 'no database');
    expectOneSentence(
      await serve('--id', 'node1', '--data', data),
      /^cannot use the data folder .*broken: .+/,
    );
  });
});
