// Settings as the processes see them: which source wins, and what a wrong one is answered with.
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { expectNothingRuns, expectOneSentence } from './support/account.js';
import { type CommandOptions, mendlog, runMendlog } from './support/command.js';
import { eventually } from './support/eventually.js';
import { awkwardLog } from './support/logs.js';
import { freeBasePort } from './support/ports.js';
import { temporaryFolder } from './support/temporary-folder.js';

const TIMEOUT_MS = 120_000;

interface MerkleHealth {
  readonly nodes: readonly { readonly node: string; readonly depth: number; readonly segmentSize: number }[];
}

async function merkleHealth(url: string): Promise<MerkleHealth['nodes']> {
  const health: MerkleHealth = JSON.parse(await (await fetch(`${url}/api/merkle/health`)).text());
  return health.nodes;
}

/** The Merkle trees' shape in a node that was started like this. */
async function shapeOf(url: string, args: readonly string[], options: CommandOptions) {
  await using node = mendlog(['serve', ...args], options);
  await eventually(
    'the node to listen',
    () => node.stdout + node.stderr,
    (said) => said.includes('listens on'),
  );
  return (await merkleHealth(url)).map(({ node: id, depth, segmentSize }) => ({ id, depth, segmentSize }))[0];
}

describe('configuration', () => {
  test('configuration: options, environment, file, default, in this order (serve)', async () => {
    using folder = temporaryFolder();
    const cwd = folder.path;
    const address = `127.0.0.1:${await freeBasePort()}`;
    const url = `http://${address}`;
    const content = { id: 'of-file', dataDir: 'data', listen: address, merkle: { depth: 7 } };
    writeFileSync(join(cwd, 'mendlog.json'), JSON.stringify(content));
    mkdirSync(join(cwd, 'elsewhere'));
    writeFileSync(join(cwd, 'elsewhere/other.json'), JSON.stringify({ ...content, id: 'of-other' }));

    expect(await shapeOf(url, [], { cwd })).toEqual({ id: 'of-file', depth: 7, segmentSize: 1000 });
    const env = { MENDLOG_MERKLE_DEPTH: '8', MENDLOG_MERKLE_SEGMENT_SIZE: '500' };
    expect(await shapeOf(url, [], { cwd, env })).toEqual({ id: 'of-file', depth: 8, segmentSize: 500 });
    const data = join(cwd, 'data-of-option');
    const given = { cwd, env: { ...env, MENDLOG_ID: 'of-env', MENDLOG_DATA_DIR: data } };
    const of = { depth: 8, segmentSize: 500 };
    expect(await shapeOf(url, ['--id', 'of-option'], given)).toEqual({ id: 'of-option', ...of });
    // With a file of its own the other one is not read; its paths are relative to it.
    const other = await shapeOf(url, ['--config', 'elsewhere/other.json'], { cwd });
    expect(other).toEqual({ id: 'of-other', depth: 7, segmentSize: 1000 });
    expect(readdirSync(cwd).sort()).toEqual(['data', 'data-of-option', 'elsewhere', 'mendlog.json']);
    expect(readdirSync(join(cwd, 'elsewhere')).sort()).toEqual(['data', 'other.json']);
  });

  test.each([
    [['--config', 'missing.json'], {}, 'cannot read the configuration missing.json: there is no such file'],
    [['--config', '.'], {}, 'cannot read the configuration .: it is a folder, not a file'],
    [[], {}, 'unknown key merkle.dept in mendlog.json: did you mean merkle.depth?'],
    [
      ['--config', 'good.json'],
      { MENDLOG_MERKLE_DEPT: '3' },
      'unknown variable MENDLOG_MERKLE_DEPT: did you mean MENDLOG_MERKLE_DEPTH?',
    ],
    [
      ['--config', 'good.json'],
      { MENDLOG_LISTEN: 'here' },
      'MENDLOG_LISTEN is "here": expected an address such as 127.0.0.1:8081, or a list of them',
    ],
  ])('configuration: a mistake is one sentence in every command (%j %j)', async (args, env, sentence) => {
    using folder = temporaryFolder();
    const cwd = folder.path;
    writeFileSync(join(cwd, 'mendlog.json'), '{ "merkle": { "dept": 3 } }');
    writeFileSync(join(cwd, 'good.json'), '{ "merkle": { "depth": 3 } }');
    const input = awkwardLog(cwd, 'made.log');
    for (const command of [['serve'], ['gateway'], ['demo', '--exit', '--input', input]])
      expectOneSentence(await runMendlog([...command, ...args], { cwd, env }), sentence);
  });

  test('configuration: a level of the log that is none is refused (serve, gateway)', async () => {
    using folder = temporaryFolder();
    const env = { MENDLOG_LOG_LEVEL: 'loud', MENDLOG_PEERS: 'node1=http://127.0.0.1:1' };
    const args = ['--listen', '127.0.0.1:0'];
    const serve = ['serve', '--id', 'node1', '--data', join(folder.path, 'data'), ...args];
    for (const command of [serve, ['gateway', ...args]])
      expectOneSentence(await runMendlog(command, { env }), /^MENDLOG_LOG_LEVEL is "loud": expected one of /);
  });

  test(
    'configuration: the demo and the nodes that it starts take theirs from the same file',
    async () => {
      using folder = temporaryFolder();
      const cwd = folder.path;
      const basePort = await freeBasePort();
      const content = { ports: { base: basePort }, dataDir: 'kept', merkle: { depth: 6 } };
      writeFileSync(join(cwd, 'mendlog.json'), JSON.stringify(content));
      await using demo = mendlog(['demo', '--input', awkwardLog(cwd, 'made.log')], { cwd });
      await eventually(
        'the demo to serve on',
        () => demo.stdout + demo.stderr,
        (said) => said.includes('goes on serving until Ctrl-C'),
      );
      const nodes = await merkleHealth(`http://127.0.0.1:${basePort}`);
      const depths = nodes.map(({ node, depth }) => [node, depth]);
      expect(Object.fromEntries(depths)).toEqual({ node1: 6, node2: 6, node3: 6 });
      demo.killGroup('SIGINT');
      await demo.ended;
      expect(readdirSync(join(cwd, 'kept')).sort()).toEqual(['node1', 'node2', 'node3']);
      await expectNothingRuns(basePort);
    },
    TIMEOUT_MS,
  );
});
