/**
 * Checks the options of createNode before anything is opened: JavaScript lets anything through, and a
 * node that began with half of what it needs would leave a folder that no other can use.
 */
import { MendlogError } from '@mendlog/core';
import type { NodeOptions } from '../node-options.js';
import { nearestName } from './nearest-name.js';
import { factsOf, type SettingKey, Settings } from './settings.js';

type Sections = 'merkle' | 'hints' | 'reconciliation' | 'retention' | 'tombstones' | 'scrub';
/** The setting that an option is too: what the one may be, the other may be. Others have checks of their own. */
type OptionFacts = SettingKey | 'other';
type OptionTable = {
  readonly [Name in keyof Required<NodeOptions>]: Name extends Sections
    ? { readonly [Inner in keyof NonNullable<NodeOptions[Name]>]-?: OptionFacts }
    : OptionFacts;
};

const OPTIONS: OptionTable = {
  id: 'other',
  dataDir: 'other',
  listen: 'other',
  peers: 'other',
  secret: 'other',
  log: 'other',
  httpTimeouts: 'other',
  replicationFactor: 'replication.factor',
  consistency: 'consistency.default',
  plaintext: 'transport.plaintext',
  readRepair: 'readRepair.mode',
  readRepairChance: 'readRepair.chance',
  writeTimeoutMs: 'timeouts.writeMs',
  readTimeoutMs: 'timeouts.readMs',
  merkle: { depth: 'merkle.depth', segmentSize: 'merkle.segmentSize' },
  hints: {
    expiryMs: 'hints.expiryMs',
    attemptsMax: 'hints.attemptsMax',
    backoffMs: 'hints.backoffMs',
    backoffMaxMs: 'hints.backoffMaxMs',
  },
  reconciliation: { intervalMs: 'reconciliation.intervalMs' },
  retention: { intervalMs: 'retention.intervalMs' },
  tombstones: { purgeIntervalMs: 'tombstones.purgeIntervalMs' },
  scrub: { bytesPerSecondMax: 'scrub.bytesPerSecondMax', pauseMs: 'scrub.pauseMs' },
};

const NODE_ID = /^[A-Za-z0-9._-]{1,100}$/;

/** Throws BAD_CONFIG with what is wrong and what was expected. */
export function checkNodeOptions(options: NodeOptions): void {
  const { dataDir, id, peers } = options;
  checkSection('', options, OPTIONS);
  checkNodeId(id, 'id');
  if (typeof dataDir !== 'string')
    throw new MendlogError('BAD_CONFIG', `dataDir is ${dataDir}: expected the name of a folder`);
  const idOf = new Map<string, string>();
  for (const [peerId, url] of Object.entries(peers ?? {})) {
    checkNodeId(peerId, 'a peer id');
    if (typeof url !== 'string' || !/^https?:\/\//.test(url) || !URL.canParse(url)) {
      throw new MendlogError(
        'BAD_CONFIG',
        `the URL of peer ${peerId} is ${url}: it looks like http://127.0.0.1:8081`,
      );
    }
    const { origin } = new URL(url);
    const other = idOf.get(origin);
    if (other !== undefined)
      throw new MendlogError('BAD_CONFIG', `the peers ${other} and ${peerId} have one URL, ${origin}`);
    idOf.set(origin, peerId);
  }
}

/** Each option has a name that there is, and a value that its setting may have. */
function checkSection(
  prefix: string,
  options: object,
  table: Readonly<Record<string, OptionFacts | Readonly<Record<string, OptionFacts>>>>,
): void {
  for (const [name, value] of Object.entries(options)) {
    const facts = Object.hasOwn(table, name) ? table[name] : undefined;
    if (facts === undefined) {
      const meant = nearestName(name, Object.keys(table));
      throw new MendlogError(
        'BAD_CONFIG',
        `there is no option ${prefix}${name}: did you mean ${prefix}${meant}?`,
      );
    }
    if (value === undefined || facts === 'other') continue;
    if (typeof facts === 'string') checkOption(prefix + name, value, facts);
    else if (typeof value === 'object' && value !== null) checkSection(`${prefix}${name}.`, value, facts);
    else throw new MendlogError('BAD_CONFIG', `${prefix}${name} is ${String(value)}: expected an object`);
  }
}

function checkOption(name: string, value: unknown, key: SettingKey): void {
  if (Settings.shape[key].safeParse(value).success) return;
  const shown = typeof value === 'string' ? `"${value}"` : String(value);
  throw new MendlogError('BAD_CONFIG', `${name} is ${shown}: expected ${factsOf(key).expected}`);
}

export function checkNodeId(id: string, what: string): void {
  if (typeof id === 'string' && NODE_ID.test(id)) return;
  throw new MendlogError('BAD_CONFIG', `${what} is "${id}": expected 1 to 100 of A-Z a-z 0-9 . _ -`);
}
