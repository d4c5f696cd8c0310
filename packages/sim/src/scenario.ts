/** What a seed decides before anything runs: the cluster, its clients and what may go wrong. Times are in microseconds. */
import type { HintPolicy } from '@mendlog/core';
import { FAULT_KINDS, type FaultKind } from './world/fault-kinds.js';
import type { Random } from './world/random.js';

/** What clients do with a partition, and so what may be asked of its history. */
export type PartitionKind =
  /** Everything at a majority and in real-time order: all invariants hold. */
  | 'strict'
  /** Any level, any order and any repair: no linearizable registers. */
  | 'loose'
  /** Records are trimmed away. */
  | 'trimmed';

/** What brings replicas what they lack. With hints alone nothing may happen that takes a hint or its payload. */
export const HEALINGS = ['hints and sessions', 'hints alone', 'sessions alone'] as const;
export type Healing = (typeof HEALINGS)[number];

export interface Scenario {
  readonly nodeIds: readonly string[];
  readonly replicationFactor: number;
  readonly clients: number;
  readonly partitions: readonly string[];
  readonly keys: readonly string[];
  readonly healing: Healing;
  /** From beginning to end one node does not hear another one, so that two coordinate the same partitions. */
  readonly isSplit: boolean;
  readonly faultKinds: readonly FaultKind[];
  readonly faults: number;
  readonly durationUs: number;
  readonly thinkUsMax: number;
  /** Scans mend what they read: without them, replicas stay behind until gets meet what they lack. */
  readonly hasScans: boolean;
  readonly heartbeatUs: number;
  readonly deadAfterUs: number;
  readonly slowAfterUs: number;
  readonly writeTimeoutUs: number;
  readonly readTimeoutUs: number;
  readonly clientTimeoutUs: number;
  /** How likely a client gives a call up long before that, and waits to be told so. */
  readonly givenUpChance: number;
  readonly sessionEveryUs: number;
  /** Nothing happens that takes a hint before it is replayed: what was acknowledged at ANY has to come. */
  readonly isHintKept: boolean;
  /** Between two looks for tombstones to purge; 0 for never. */
  readonly purgeEveryUs: number;
  /** How long ago the head was seen that a fence is raised to: 0 refuses many writes, and is as safe. */
  readonly fenceAgeUs: number;
  readonly hintPolicy: HintPolicy;
  readonly diskBatchesMax: number;
  readonly callsMax: number;
  /** Of core's limits, what is made small enough to be reached. */
  readonly readQueueMax: number;
  readonly rangeReadsMax: number;
  readonly writeQueueBytesMax: number;
  readonly queueWaitMsMax: number;
  readonly readRoundsMax: number;
}

export function kindOfPartition(partition: string): PartitionKind {
  if (partition.startsWith('loose')) return 'loose';
  return partition.startsWith('trimmed') ? 'trimmed' : 'strict';
}

const MS = 1000;

const HINTS_KEPT: HintPolicy = { expiryMs: 3_600_000, attemptsMax: 1000, backoffMs: 50, backoffMaxMs: 200 };
/** So late that a fence may have come before. */
const HINTS_LATE: HintPolicy = { expiryMs: 3_600_000, attemptsMax: 1000, backoffMs: 600, backoffMaxMs: 1500 };
/** What sessions must then bring. */
const HINTS_DROPPED_SOON: HintPolicy = { expiryMs: 600, attemptsMax: 2, backoffMs: 20, backoffMaxMs: 100 };

export function scenarioOf(random: Random): Scenario {
  const nodes = random.chance(0.65) ? 3 : random.between(4, 5);
  const replicationFactor = nodes === 5 && random.chance(0.3) ? 5 : 3;
  const nodeIds = ['a', 'b', 'c', 'd', 'e'].slice(0, nodes);
  const healing = random.chance(0.5)
    ? 'hints and sessions'
    : random.of(['hints alone', 'sessions alone'] as const);
  const writeTimeoutUs = random.between(80, 400) * MS;
  const isTight = healing !== 'hints alone' && random.chance(0.3);
  const isSplit = random.chance(0.2);
  const kinds = healing === 'hints alone' ? HARMLESS_TO_HINTS : STARTED;
  const faultKinds = random.chance(0.4) ? kinds : someOf(random, kinds);
  const hintPolicy =
    healing === 'hints alone' ? HINTS_KEPT : random.of([HINTS_KEPT, HINTS_LATE, HINTS_DROPPED_SOON]);
  const purgeEveryUs = healing === 'hints alone' ? 0 : random.of([0, 30, 30, 100]) * MS;
  return {
    nodeIds,
    replicationFactor,
    clients: random.between(3, 6),
    partitions: isSplit
      ? ['strict-1']
      : ['strict-1', 'strict-2', 'loose-1', ...(healing === 'hints alone' ? [] : ['trimmed-1'])],
    keys: ['x', 'y', 'z'].slice(0, random.between(1, 3)),
    healing,
    isSplit,
    faultKinds,
    faults: random.between(2, 12),
    durationUs: random.between(500, 2000) * MS,
    thinkUsMax: random.of(isSplit ? [1, 4] : [2, 10, 40, 100]) * MS,
    hasScans: random.chance(0.6),
    heartbeatUs: 60 * MS,
    deadAfterUs: random.between(180, 400) * MS,
    // Where answers come late on purpose, they are waited for.
    slowAfterUs: (isSplit ? 100 : random.between(5, 60)) * MS,
    writeTimeoutUs,
    readTimeoutUs: writeTimeoutUs,
    clientTimeoutUs: writeTimeoutUs * random.of([0.3, 1, 2]),
    givenUpChance: random.of([0, 0, 0.1, 0.5]),
    sessionEveryUs: random.between(200, 900) * MS,
    purgeEveryUs,
    fenceAgeUs: random.of([0, 0, 2 * writeTimeoutUs]),
    isHintKept:
      purgeEveryUs === 0 &&
      healing !== 'sessions alone' &&
      hintPolicy === HINTS_KEPT &&
      !faultKinds.includes('disk lost'),
    hintPolicy,
    diskBatchesMax: isTight ? random.between(2, 6) : 1000,
    callsMax: isTight ? random.between(4, 12) : 1000,
    readQueueMax: isTight ? random.between(2, 6) : 1000,
    rangeReadsMax: isTight ? random.between(1, 3) : 1000,
    writeQueueBytesMax: isTight ? random.between(120, 600) : 100_000,
    queueWaitMsMax: isTight ? random.between(1, 50) : 1000,
    readRoundsMax: isTight ? random.between(1, 3) : 16,
  };
}

/** Those that are begun and ended; the others happen as messages are sent. */
const STARTED: readonly FaultKind[] = FAULT_KINDS.filter(
  (kind) =>
    ![
      'message lost',
      'message twice',
      'message after heal',
      'connection lost',
      'queue full',
      'clock apart',
    ].includes(kind),
);

const HARMLESS_TO_HINTS: readonly FaultKind[] = STARTED.filter(
  (kind) =>
    ![
      'crash, tail lost',
      'crash, tail kept',
      'closed',
      'power cut',
      'disk lost',
      'disk full',
      'record damaged',
    ].includes(kind),
);

/** A few kinds, each then more often and together with itself: swarm testing (Groce et al., ISSTA 2012). */
function someOf(random: Random, kinds: readonly FaultKind[]): FaultKind[] {
  return Array.from({ length: random.between(1, 4) }, () => random.of(kinds));
}
