/** What a node is told when it starts; config/check-node-options.ts checks it. */
import type { ConsistencyLevel, HintPolicy, MerkleOptions, ReadRepairMode } from '@mendlog/core';
import type { HttpTimeouts, PlaintextFrom } from './api/server.js';
import type { Log } from './log.js';
import type { ScrubOptions } from './scrub/scrubber.js';

export interface NodeOptions {
  readonly id: string;
  /** Made where it is not there; one process at a time. */
  readonly dataDir: string;
  /** `host:port`; port 0 takes a free one. */
  readonly listen: string;
  /** URL by node id. This node's own may be left out. */
  readonly peers?: Readonly<Record<string, string>> | undefined;
  /** At least 16 bytes, the same on all nodes. Without one a development key is used, on loopback only. */
  readonly secret?: string | undefined;
  readonly replicationFactor?: number | undefined;
  readonly writeTimeoutMs?: number | undefined;
  readonly readTimeoutMs?: number | undefined;
  readonly merkle?: Partial<MerkleOptions> | undefined;
  readonly hints?: Partial<HintPolicy> | undefined;
  readonly reconciliation?: { readonly intervalMs?: number } | undefined;
  readonly retention?: { readonly intervalMs?: number } | undefined;
  /** Purges tombstones once all replicas have them: 0, never. */
  readonly tombstones?: { readonly purgeIntervalMs?: number } | undefined;
  /** Checks what lies on disk, slowly: 0 bytes a second, not at all. */
  readonly scrub?: Partial<ScrubOptions> | undefined;
  readonly readRepair?: ReadRepairMode | undefined;
  readonly readRepairChance?: number | undefined;
  /** For calls that name no level. */
  readonly consistency?: ConsistencyLevel | undefined;
  /** From where the binary endpoint takes connections without TLS: from loopback only, unless told. */
  readonly plaintext?: PlaintextFrom | undefined;
  readonly httpTimeouts?: Partial<HttpTimeouts> | undefined;
  readonly log?: Log;
}
