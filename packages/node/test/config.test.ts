// Settings: what each source may say, how a mistake is told, which source wins, and that the documented table is this one.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nearestName } from '../src/config/nearest-name.js';
import { gatewayOptionsOf, nodeOptionsOf } from '../src/config/options.js';
import {
  mergeSettings,
  settingsOfEnvironment,
  settingsOfFile,
  settingsOfOptions,
  variableOf,
} from '../src/config/read-config.js';
import { factsOf, SETTING_KEYS } from '../src/config/settings.js';
import { withDefaults } from '../src/config/with-defaults.js';

const file = (content: unknown) => settingsOfFile(JSON.stringify(content), 'mendlog.json');
const badConfig = (message: string | RegExp) =>
  expect.objectContaining({
    code: 'BAD_CONFIG',
    message: typeof message === 'string' ? message : expect.stringMatching(message),
  });

function thrownBy(action: () => unknown): unknown {
  try {
    return { returned: action() };
  } catch (error) {
    return error;
  }
}

describe('config', () => {
  test('config: an option that is undefined leaves its default', () => {
    expect(withDefaults({ depth: 10, segmentSize: 1000 }, { depth: undefined, segmentSize: 500 })).toEqual({
      depth: 10,
      segmentSize: 500,
    });
  });

  test('config: options, environment, file, default, in this order', () => {
    const inFile = file({
      merkle: { depth: 1, segmentSize: 500 },
      hints: { attemptsMax: 7 },
      readRepair: { chance: 0.5 },
    });
    const inEnvironment = settingsOfEnvironment({
      MENDLOG_MERKLE_DEPTH: '2',
      MENDLOG_HINTS_ATTEMPTS_MAX: '8',
      HOME: '/',
    });
    const given = settingsOfOptions({ 'merkle.depth': 3, id: undefined });
    const config = mergeSettings([given, inEnvironment, inFile]);
    expect(config).toMatchObject({
      'merkle.depth': 3,
      'hints.attemptsMax': 8,
      'merkle.segmentSize': 500,
      'readRepair.chance': 0.5,
      'replication.factor': 3,
    });
    expect(config.id).toBeUndefined();
    expect(Object.isFrozen(config)).toBe(true);
  });

  test('config: every setting reaches the options of a node and a gateway', () => {
    const peers = { node1: 'http://127.0.0.1:8081', node2: 'http://127.0.0.1:8082' };
    const config = mergeSettings([
      settingsOfEnvironment({
        MENDLOG_ID: 'node1',
        MENDLOG_DATA_DIR: 'data',
        MENDLOG_LISTEN: '127.0.0.1:8081',
        MENDLOG_PEERS: 'node1=http://127.0.0.1:8081,node2=http://127.0.0.1:8082',
        MENDLOG_TRANSPORT_PLAINTEXT: 'anywhere',
        MENDLOG_REPLICATION_FACTOR: '2',
        MENDLOG_CONSISTENCY_DEFAULT: 'ONE',
        MENDLOG_READ_REPAIR_MODE: 'async',
        MENDLOG_READ_REPAIR_CHANCE: '0.25',
        MENDLOG_TIMEOUTS_WRITE_MS: '11',
        MENDLOG_TIMEOUTS_READ_MS: '12',
        MENDLOG_MERKLE_DEPTH: '4',
        MENDLOG_MERKLE_SEGMENT_SIZE: '250',
        MENDLOG_HINTS_EXPIRY_MS: '13',
        MENDLOG_HINTS_ATTEMPTS_MAX: '14',
        MENDLOG_HINTS_BACKOFF_MS: '15',
        MENDLOG_HINTS_BACKOFF_MAX_MS: '16',
        MENDLOG_RECONCILIATION_INTERVAL_MS: '17',
        MENDLOG_RETENTION_INTERVAL_MS: '18',
        MENDLOG_SCRUB_BYTES_PER_SECOND_MAX: '19',
        MENDLOG_SCRUB_PAUSE_MS: '20',
        MENDLOG_TOMBSTONES_PURGE_INTERVAL_MS: '21',
      }),
    ]);
    expect(nodeOptionsOf(config)).toEqual({
      id: 'node1',
      dataDir: 'data',
      listen: '127.0.0.1:8081',
      peers,
      plaintext: 'anywhere',
      replicationFactor: 2,
      consistency: 'ONE',
      readRepair: 'async',
      readRepairChance: 0.25,
      writeTimeoutMs: 11,
      readTimeoutMs: 12,
      merkle: { depth: 4, segmentSize: 250 },
      hints: { expiryMs: 13, attemptsMax: 14, backoffMs: 15, backoffMaxMs: 16 },
      reconciliation: { intervalMs: 17 },
      retention: { intervalMs: 18 },
      scrub: { bytesPerSecondMax: 19, pauseMs: 20 },
      tombstones: { purgeIntervalMs: 21 },
    });
    expect(gatewayOptionsOf(config)).toEqual({
      listen: ['127.0.0.1:8081'],
      nodes: peers,
      plaintext: 'anywhere',
      replicationFactor: 2,
    });
  });

  test('config: what is needed and not there is named with every way to give it', () => {
    expect(thrownBy(() => nodeOptionsOf(mergeSettings([])))).toEqual(
      badConfig('id is not set: give --id, MENDLOG_ID, or id in mendlog.json'),
    );
    const several = file({ id: 'n', dataDir: 'd', listen: ['127.0.0.1:1', '127.0.0.1:2'] });
    expect(thrownBy(() => nodeOptionsOf(mergeSettings([several])))).toEqual(badConfig(/one address/));
  });

  test.each([
    [{ merkle: { dept: 3 } }, 'unknown key merkle.dept in mendlog.json: did you mean merkle.depth?'],
    [{ Merkle: { depth: 3 } }, 'unknown key Merkle in mendlog.json: did you mean merkle?'],
    [{ datadir: 'x' }, 'unknown key datadir in mendlog.json: did you mean dataDir?'],
    [{ hint: { expiryMs: 1 } }, 'unknown key hint in mendlog.json: did you mean hints?'],
    [{ merkle: 10 }, 'merkle in mendlog.json is 10: expected an object'],
    [{ merkle: [] }, 'merkle in mendlog.json is []: expected an object'],
    [{ merkle: { depth: '10' } }, 'merkle.depth in mendlog.json is "10": expected an integer from 0 to 20'],
    [{ merkle: { depth: null } }, 'merkle.depth in mendlog.json is null: expected an integer from 0 to 20'],
    [
      { merkle: { segmentSize: 300 } },
      'merkle.segmentSize in mendlog.json is 300: expected a multiple of 250',
    ],
    [
      { readRepair: { mode: 'sometimes' } },
      'readRepair.mode in mendlog.json is "sometimes": expected one of blocking, async, off',
    ],
    [{ readRepair: { chance: 2 } }, /expected a number from 0 to 1$/],
    [{ peers: { node1: 'ftp://x' } }, /^peers in mendlog\.json is .*: expected URLs by node id/],
    [{ peers: ['http://x'] }, /^peers in mendlog\.json is .*: expected URLs by node id/],
    [{ listen: 'here' }, /expected an address such as 127\.0\.0\.1:8081, or a list of them$/],
    [{ listen: [] }, /expected an address/],
    [{ id: '' }, 'id in mendlog.json is "": expected a name'],
    [{ ports: { base: 65529 } }, 'ports.base in mendlog.json is 65529: expected an integer from 1 to 65528'],
    [[], 'mendlog.json does not hold a JSON object'],
    [null, 'mendlog.json does not hold a JSON object'],
  ])('config: a mistake in a file is told with its place (%j)', (content, message) => {
    expect(thrownBy(() => file(content))).toEqual(badConfig(message));
  });

  test('config: a file that is not JSON, or whose keys are those of every object', () => {
    expect(thrownBy(() => settingsOfFile('{', 'mendlog.json'))).toEqual(
      badConfig(/^mendlog\.json is not JSON: /),
    );
    for (const key of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      const text = `{${JSON.stringify(key)}: 1}`;
      expect(thrownBy(() => settingsOfFile(text, 'f'))).toEqual(badConfig(/^unknown key /));
    }
  });

  test.each([
    ['MENDLOG_MERKLE_DEPT', '1', 'unknown variable MENDLOG_MERKLE_DEPT: did you mean MENDLOG_MERKLE_DEPTH?'],
    [
      'MENDLOG_CLUSTERSECRET',
      'x',
      'unknown variable MENDLOG_CLUSTERSECRET: did you mean MENDLOG_CLUSTER_SECRET?',
    ],
    ['MENDLOG_MERKLE_DEPTH', '', 'MENDLOG_MERKLE_DEPTH is "": expected an integer from 0 to 20'],
    ['MENDLOG_MERKLE_DEPTH', '1e1', 'MENDLOG_MERKLE_DEPTH is "1e1": expected an integer from 0 to 20'],
    ['MENDLOG_MERKLE_DEPTH', '1.5', 'MENDLOG_MERKLE_DEPTH is "1.5": expected an integer from 0 to 20'],
    ['MENDLOG_PEERS', 'node1', /^MENDLOG_PEERS is "node1": expected URLs by node id/],
    ['MENDLOG_PEERS', 'node1=http://127.0.0.1:1,', /^MENDLOG_PEERS is /],
    ['MENDLOG_LISTEN', '127.0.0.1', /^MENDLOG_LISTEN is "127\.0\.0\.1": expected an address/],
  ])('config: a mistake in the environment is told with its variable (%s=%s)', (variable, text, message) => {
    expect(thrownBy(() => settingsOfEnvironment({ [variable]: text }))).toEqual(badConfig(message));
  });

  test('config: the secret, the log level and what is not ours are no settings', () => {
    const env = { MENDLOG_CLUSTER_SECRET: 's', MENDLOG_LOG_LEVEL: 'debug', PATH: '/bin', mendlog_id: 'x' };
    expect([...settingsOfEnvironment(env)]).toEqual([]);
  });

  test('config: any JSON is settings or one clear error (random content)', () => {
    const content = fc.oneof(
      fc.jsonValue(),
      fc.dictionary(fc.constantFrom(...SETTING_KEYS, 'merkle', 'hints', 'ports'), fc.jsonValue()),
    );
    fc.assert(
      fc.property(content, (value) => {
        const outcome = thrownBy(() => mergeSettings([file(value)]));
        if (outcome instanceof Error) {
          expect(outcome).toEqual(badConfig(/^[^\n]+$/));
        }
      }),
    );
  });
});

describe('nearest name', () => {
  test.each([
    ['merkle.dept', 'merkle.depth'],
    ['MERKLE.DEPTH', 'merkle.depth'],
    ['hints.expiry', 'hints.expiryMs'],
    ['port.base', 'ports.base'],
    ['readrepair', 'readRepair.mode'],
    // Of names that are equally far the first.
    ['x'.repeat(100_000), 'transport.plaintext'],
  ])('nearest name: the fewest edits lead to it (%#)', (name, nearest) => {
    expect(nearestName(name, SETTING_KEYS)).toBe(nearest);
  });
});

describe('documentation', () => {
  const page = readFileSync(new URL('../../../docs/configuration.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| `.*$/gm)].map(([row]) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );

  test('configuration.md: the table is the schema, row by row', () => {
    const defaults = mergeSettings([]);
    const expected = SETTING_KEYS.map((key) => {
      const value = defaults[key];
      const { expected, meaning } = factsOf(key);
      return [
        `\`${key}\``,
        `\`${variableOf(key)}\``,
        expected,
        value === undefined ? '' : `\`${value}\``,
        meaning,
      ];
    });
    expect(rows).toEqual(expected);
  });
});
