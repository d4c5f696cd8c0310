/**
 * Every setting of the command line in one table: its key, what it may be, its default and its meaning.
 * docs/configuration.md shows the same table, and a test keeps the two alike.
 *
 * The keys are flat, with dots where mendlog.json has a section, so that a file, the environment and
 * the options of a command are three sources of one kind.
 */
import {
  CONSISTENCY_LEVELS,
  DIGEST_LAYOUT,
  HINT_POLICY_DEFAULT,
  MERKLE_DEFAULT,
  MERKLE_DEPTH_MAX,
} from '@mendlog/core';
import { z } from 'zod';
import { NODE_DEFAULTS } from './node-defaults.js';
import { parseListen } from './parse-listen.js';

/** How a setting is written as text, in an environment variable. */
type SettingForm = 'text' | 'list' | 'number' | 'urls';

export interface SettingFacts {
  readonly form: SettingForm;
  /** For the end of "expected ...", and the table. */
  readonly expected: string;
  readonly meaning: string;
}

const facts = z.registry<SettingFacts>();

/** The longest wait that a timer of Node takes. */
const TIMER_MS_MAX = 2 ** 31 - 1;
/** Seven more ports follow the demo's first. */
const BASE_PORT_MAX = 65_535 - 7;

const text = (expected: string, meaning: string) =>
  z.string().min(1).max(4096).optional().register(facts, { form: 'text', expected, meaning });

const oneOf = <Name extends string>(names: readonly Name[], fallback: NoInfer<Name>, meaning: string) =>
  z
    .enum(names)
    .default(() => fallback)
    .register(facts, { form: 'text', expected: `one of ${names.join(', ')}`, meaning });

const integer = ([least, most]: readonly [number, number], fallback: number, meaning: string) =>
  z
    .int()
    .min(least)
    .max(most)
    .default(fallback)
    .register(facts, { form: 'number', expected: `an integer from ${least} to ${most}`, meaning });

const Address = z.string().refine((address) => {
  try {
    return parseListen(address).port >= 0;
  } catch {
    return false;
  }
});

export const Settings = z.strictObject({
  id: text('a name', 'id of this node (`serve`)'),
  dataDir: text('a folder', 'data folder, made where it is not there (`serve`, demo)'),
  listen: z
    .union([Address, z.array(Address).min(1).max(100)])
    .optional()
    .register(facts, {
      form: 'list',
      expected: 'an address such as 127.0.0.1:8081, or a list of them',
      meaning: 'where to listen: one address for `serve`, one or more for `gateway`',
    }),
  peers: z
    .record(z.string().min(1).max(100), z.url({ protocol: /^https?$/ }))
    .optional()
    .register(facts, {
      form: 'urls',
      expected: 'URLs by node id, such as {"node1": "http://127.0.0.1:8081"}',
      meaning: 'the nodes of the cluster (`serve`, `gateway`)',
    }),
  secretFile: text('a file', 'file with the cluster secret; else `MENDLOG_CLUSTER_SECRET` holds it'),
  'transport.plaintext': oneOf(
    ['loopback', 'anywhere'],
    'loopback',
    'from where binary connections need no TLS',
  ),
  'replication.factor': integer([1, 100], NODE_DEFAULTS.replicationFactor, 'replicas of a partition'),
  'consistency.default': oneOf(
    CONSISTENCY_LEVELS,
    NODE_DEFAULTS.consistency,
    'level of calls that name none',
  ),
  'readRepair.mode': oneOf(
    ['blocking', 'async', 'off'],
    NODE_DEFAULTS.readRepair,
    'repair before the answer, after it, or not',
  ),
  'readRepair.chance': z.number().min(0).max(1).default(NODE_DEFAULTS.readRepairChance).register(facts, {
    form: 'number',
    expected: 'a number from 0 to 1',
    meaning: 'share of reads after which replicas beyond the level are checked too',
  }),
  'timeouts.writeMs': integer(
    [1, TIMER_MS_MAX],
    NODE_DEFAULTS.writeTimeoutMs,
    'how long a write waits for acknowledgements',
  ),
  'timeouts.readMs': integer(
    [1, TIMER_MS_MAX],
    NODE_DEFAULTS.readTimeoutMs,
    'how long a read waits for answers',
  ),
  'merkle.depth': integer(
    [0, MERKLE_DEPTH_MAX],
    MERKLE_DEFAULT.depth,
    'depth of the Merkle trees: 2^depth leaves',
  ),
  'merkle.segmentSize': z
    .int()
    .min(DIGEST_LAYOUT.segmentSize)
    .max(1_000_000_000)
    .multipleOf(DIGEST_LAYOUT.segmentSize)
    .default(MERKLE_DEFAULT.segmentSize)
    .register(facts, {
      form: 'number',
      expected: `a multiple of ${DIGEST_LAYOUT.segmentSize}`,
      meaning: 'records of one Merkle segment',
    }),
  'hints.expiryMs': integer(
    [1, Number.MAX_SAFE_INTEGER],
    HINT_POLICY_DEFAULT.expiryMs,
    'age at which a hint is given up',
  ),
  'hints.attemptsMax': integer(
    [1, 1_000_000],
    HINT_POLICY_DEFAULT.attemptsMax,
    'failed replays after which a hint is given up',
  ),
  'hints.backoffMs': integer(
    [1, TIMER_MS_MAX],
    HINT_POLICY_DEFAULT.backoffMs,
    'pause after the first failed replay; it doubles',
  ),
  'hints.backoffMaxMs': integer(
    [1, TIMER_MS_MAX],
    HINT_POLICY_DEFAULT.backoffMaxMs,
    'longest pause between replays',
  ),
  'reconciliation.intervalMs': integer(
    [0, TIMER_MS_MAX],
    NODE_DEFAULTS.reconciliationIntervalMs,
    'time between scheduled comparisons of all partitions; 0: none are scheduled',
  ),
  'retention.intervalMs': integer(
    [1, TIMER_MS_MAX],
    NODE_DEFAULTS.retentionIntervalMs,
    'time between looks for records that retention no longer keeps',
  ),
  'tombstones.purgeIntervalMs': integer(
    [0, TIMER_MS_MAX],
    NODE_DEFAULTS.tombstonePurgeIntervalMs,
    'time between looks for tombstones that may be purged; 0: none are',
  ),
  'scrub.bytesPerSecondMax': integer(
    [0, 1_000_000_000],
    NODE_DEFAULTS.scrubBytesPerSecondMax,
    'bytes of records that a node checks on its disk in a second; 0: none',
  ),
  'scrub.pauseMs': integer(
    [0, TIMER_MS_MAX],
    NODE_DEFAULTS.scrubPauseMs,
    'time between two checks of everything on disk',
  ),
  'ports.base': integer(
    [1, BASE_PORT_MAX],
    8080,
    'first of the eight ports of the demo: gateway, three nodes, gateway',
  ),
});

/** All settings, defaults filled in. */
export type Config = Readonly<z.output<typeof Settings>>;
export type SettingKey = keyof Config;

export const SETTING_KEYS: readonly SettingKey[] = Settings.keyof().options;

export function isSettingKey(key: string): key is SettingKey {
  return Object.hasOwn(Settings.shape, key);
}

export function factsOf(key: SettingKey): SettingFacts {
  const known = facts.get(Settings.shape[key]);
  if (known === undefined) throw new TypeError(`${key} has no facts`);
  return known;
}
