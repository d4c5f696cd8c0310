/** Settings as the options that createNode and createGateway take. */
import { MendlogError } from '@mendlog/core';
import type { GatewayOptions } from '../gateway/gateway.js';
import type { NodeOptions } from '../node-options.js';
import { optionOf, variableOf } from './read-config.js';
import type { Config, SettingKey } from './settings.js';

/** All but the secret and the log. Throws BAD_CONFIG where a setting is missing that has no default. */
export function nodeOptionsOf(config: Config): NodeOptions {
  const id = required(config, 'id');
  const dataDir = required(config, 'dataDir');
  const [listen, ...more] = [required(config, 'listen')].flat();
  if (listen === undefined || more.length > 0)
    throw new MendlogError('BAD_CONFIG', 'a node listens on one address, and listen names several');
  return {
    id,
    dataDir,
    listen,
    peers: config.peers ?? {},
    plaintext: config['transport.plaintext'],
    replicationFactor: config['replication.factor'],
    consistency: config['consistency.default'],
    readRepair: config['readRepair.mode'],
    readRepairChance: config['readRepair.chance'],
    writeTimeoutMs: config['timeouts.writeMs'],
    readTimeoutMs: config['timeouts.readMs'],
    merkle: { depth: config['merkle.depth'], segmentSize: config['merkle.segmentSize'] },
    hints: {
      expiryMs: config['hints.expiryMs'],
      attemptsMax: config['hints.attemptsMax'],
      backoffMs: config['hints.backoffMs'],
      backoffMaxMs: config['hints.backoffMaxMs'],
    },
    retention: { intervalMs: config['retention.intervalMs'] },
    tombstones: { purgeIntervalMs: config['tombstones.purgeIntervalMs'] },
    scrub: { bytesPerSecondMax: config['scrub.bytesPerSecondMax'], pauseMs: config['scrub.pauseMs'] },
    reconciliation: { intervalMs: config['reconciliation.intervalMs'] },
  };
}

/** All but the secret and the log. Throws BAD_CONFIG where a setting is missing that has no default. */
export function gatewayOptionsOf(config: Config): GatewayOptions {
  return {
    listen: [required(config, 'listen')].flat(),
    nodes: required(config, 'peers'),
    plaintext: config['transport.plaintext'],
    replicationFactor: config['replication.factor'],
  };
}

/** Throws BAD_CONFIG where it is not set. */
export function dataDirOf(config: Config): string {
  return required(config, 'dataDir');
}

function required<Key extends SettingKey>(config: Config, key: Key): NonNullable<Config[Key]> {
  const value = config[key];
  if (value !== undefined && value !== null) return value;
  throw new MendlogError(
    'BAD_CONFIG',
    `${key} is not set: give ${optionOf(key)}, ${variableOf(key)}, or ${key} in mendlog.json`,
  );
}
