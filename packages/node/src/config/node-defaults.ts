/** What a node does where its options say nothing: createNode and the settings of the command line share it. */

export const NODE_DEFAULTS = {
  replicationFactor: 3,
  consistency: 'QUORUM',
  readRepair: 'blocking',
  readRepairChance: 0,
  writeTimeoutMs: 2000,
  readTimeoutMs: 2000,
  reconciliationIntervalMs: 60_000,
  retentionIntervalMs: 10_000,
  tombstonePurgeIntervalMs: 3_600_000,
  scrubBytesPerSecondMax: 4 * 1024 * 1024,
  scrubPauseMs: 3_600_000,
} as const;
