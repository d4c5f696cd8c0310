/** The shapes of every call and answer: one place, for tRPC, REST and the OpenAPI document. */
import {
  allRows,
  CONSISTENCY_LEVELS,
  JOB_REASONS,
  JOB_STATUSES,
  LIMITS,
  ORIGIN_PATTERN,
  PARTITION_NAME_PATTERN,
  WRITE_LEVELS,
  WRITE_ORDERS,
} from '@mendlog/core';
import { z } from 'zod';

const PartitionId = z
  .string()
  .regex(
    PARTITION_NAME_PATTERN,
    'a partition name has 1 to 200 of the characters A-Z a-z 0-9 . _ - and is not . or ..',
  )
  .meta({ examples: ['partition-1'] });
const Level = z.enum(CONSISTENCY_LEVELS);
const WriteLevel = z.enum(WRITE_LEVELS);
/** A counter or a version; core reads it. Counters of 16 digits are refused above 2^53 - 1, which no pattern says. */
const RecordIdText = z
  .string()
  .max(40)
  .meta({ pattern: '^(0|[1-9][0-9]{0,14})(-[0-9a-f][0-9a-hjkmnp-tv-z]{12})?$', examples: ['1'] });
const NodeId = z.string().min(1).max(100);
/** Nodes that could not be asked: what they hold is not in the answer. */
const Unreachable = z.array(NodeId).optional();
const Bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array, {
  error: 'bytes are needed here: this procedure is for binary connections',
});
const Counter = z.int().min(0);
const VersionText = z.string();

/** In a query it comes as text: decimal digits alone, since '' is no 0 and '0x10' no 16 that anyone meant. */
const PageLimit = z.preprocess(
  (value) => (typeof value === 'string' && /^[1-9][0-9]{0,3}$/.test(value) ? Number(value) : value),
  z.int().min(1).max(1000),
);

const messageOfWrite = {
  /** The value as text. */
  message: z.string().optional(),
  /** The value as bytes in base64; exactly one of the two is given. */
  messageBase64: z.base64().optional(),
};

interface MessageOfWrite {
  message?: string | undefined;
  messageBase64?: string | undefined;
}

function withOneMessage<Input extends z.ZodType<MessageOfWrite>>(input: Input): Input {
  return input
    .refine(({ message, messageBase64 }) => (message === undefined) !== (messageBase64 === undefined), {
      error: 'give exactly one of message and messageBase64',
    })
    .meta({ oneOf: [{ required: ['message'] }, { required: ['messageBase64'] }] });
}

const messageOfRead = {
  message: z.string().optional(),
  /** In place of `message` where the value is not UTF-8. */
  messageBase64: z.string().optional(),
};

export const WriteInput = withOneMessage(
  z.strictObject({ partitionId: PartitionId, ...messageOfWrite, consistency: WriteLevel.optional() }),
);
export const WriteOutput = z.object({
  partitionId: PartitionId,
  id: Counter,
  version: VersionText,
  acks: z.int(),
  /** The level that was kept. */
  consistency: z.string(),
});

const Key = z
  .string()
  .min(1)
  .max(LIMITS.keyBytesMax)
  .meta({ examples: ['key-1'] });
export const PutInput = withOneMessage(
  z.strictObject({
    partitionId: PartitionId,
    key: Key,
    ...messageOfWrite,
    consistency: WriteLevel.optional(),
  }),
);
export const KeyInput = z.strictObject({
  partitionId: PartitionId,
  key: Key,
  consistency: Level.optional(),
});

export const DeleteInput = KeyInput.extend({ consistency: WriteLevel.optional() });

export const ReadInput = z.strictObject({
  partitionId: PartitionId,
  id: RecordIdText,
  consistency: Level.optional(),
});
const RecordOutput = z.object({
  id: Counter,
  version: VersionText,
  /** Of a record that was put. */
  key: z.string().optional(),
  /** The key was deleted with this record, which has no value. */
  deleted: z.literal(true).optional(),
  ...messageOfRead,
  timeMs: z.int(),
});
export const GetOutput = RecordOutput.extend({ partitionId: PartitionId, repaired: z.boolean() });
export const ReadOutput = RecordOutput.extend({ partitionId: PartitionId, repaired: z.boolean() });

/** Milliseconds since 1970, or ISO 8601 with a zone, such as 2026-11-24T12:00:00Z. */
const Time = z
  .union([
    z.iso.datetime({ offset: true }).transform((text) => Date.parse(text)),
    z
      .string()
      .regex(/^[0-9]{1,16}$/, 'a time is milliseconds since 1970, or ISO 8601 with a zone')
      .transform((text) => Math.min(Number(text), Number.MAX_SAFE_INTEGER)),
    z.int().min(0),
  ])
  .optional();

export const ScanInput = z.strictObject({
  partitionId: PartitionId,
  /** First and last record id, both included. */
  from: RecordIdText.optional(),
  to: RecordIdText.optional(),
  /** Only records that were written between these times, by the clocks of their coordinators. */
  fromTime: Time,
  toTime: Time,
  limit: PageLimit.default(100),
  /** From the last record of the range to the first. */
  reverse: z
    .union([z.boolean(), z.enum(['true', 'false']).transform((text) => text === 'true')])
    .default(false),
  consistency: Level.optional(),
});
export const ScanOutput = z.object({
  partitionId: PartitionId,
  records: z.array(RecordOutput),
  /**
   * `from` of the next page, or `to` where it is read in reverse; absent on the last one. A page may hold fewer records
   * than the limit, even none.
   */
  next: VersionText.optional(),
});

const NodeStatus = z.enum(['UP', 'DOWN']);
export const HealthOutput = z.object({
  status: z.enum(['UP', 'DEGRADED', 'DOWN']),
  nodes: z.array(
    z.object({
      id: NodeId,
      url: z.string(),
      status: NodeStatus,
      partitions: z.int().optional(),
      records: z.int().optional(),
      /** Its store is new: it votes on a partition when it has caught up. Absent where it votes on all. */
      withoutVote: z
        .object({
          /** Partitions that it holds, or is to hold, and does not vote on yet. */
          partitions: z.int(),
          /** Some of their names. */
          first: z.array(PartitionId),
          /** Nodes that it has still to hear of, or to catch up with. */
          waitsFor: z.array(NodeId),
        })
        .optional(),
    }),
  ),
});
export const LayoutOutput = z.object({
  replicationFactor: z.int(),
  nodes: z.array(z.object({ id: NodeId, url: z.string() })),
});
export const SummaryOutput = z.object({
  node: NodeId,
  /** One digest over all partitions of the node, hexadecimal. */
  root: z.string(),
  partitions: z.array(
    z.object({ partitionId: PartitionId, records: z.int(), head: Counter, root: z.string() }),
  ),
});

export const HintStatsOutput = z.object({
  pending: z.int(),
  byTarget: z.record(z.string(), z.int()),
  stored: z.int(),
  replayed: z.int(),
  expired: z.int(),
  dropped: z.int(),
  failed: z.int(),
  oldestAgeMs: z.int().nullable(),
  unreachable: Unreachable,
});
export const PageInput = z.strictObject({
  limit: PageLimit.default(100),
  cursor: z.string().max(500).optional(),
});
export const HintsPendingOutput = z.object({
  hints: z.array(
    z.object({
      /** The coordinator that keeps the hint. */
      node: NodeId,
      target: NodeId,
      partitionId: PartitionId,
      version: VersionText,
      createdAt: z.string(),
      expiresAt: z.string(),
      attempts: z.int(),
      nextAttemptAt: z.string().nullable(),
    }),
  ),
  next: z.string().optional(),
  unreachable: Unreachable,
});
export const HintsDropInput = z.strictObject({
  target: NodeId.optional(),
  /** Which share of the pending hints goes. */
  fraction: z.number().gt(0).max(1).default(1),
});
export const HintsDropOutput = z.object({ dropped: z.int() });

const JobOutput = z.object({
  id: z.string(),
  /** The node that executes the job. */
  node: NodeId,
  partitionId: PartitionId,
  nodes: z.array(NodeId),
  reason: z.enum(JOB_REASONS),
  priority: z.int(),
  status: z.enum(JOB_STATUSES),
  attempts: z.int(),
  createdAt: z.string(),
  startedAt: z.string().nullable(),
  finishedAt: z.string().nullable(),
  recordsCompared: z.int(),
  recordsRepaired: z.int(),
  bytesSent: z.int(),
  bytesReceived: z.int(),
  error: z.string().nullable(),
  waitingFor: z.string().nullable(),
});
export const JobsInput = z.strictObject({
  status: z.enum(JOB_STATUSES).optional(),
  limit: PageLimit.default(100),
  cursor: z.string().max(200).optional(),
});
export const JobsOutput = z.object({
  jobs: z.array(JobOutput),
  next: z.string().optional(),
  unreachable: Unreachable,
});
export const CancelInput = z.strictObject({ jobId: z.string().max(100) });
export const CancelOutput = z.object({ cancelled: z.string() });
export const PausedOutput = z.object({ paused: z.boolean() });
export const TriggerInput = z.strictObject({
  partitionId: PartitionId.optional(),
  nodes: z.array(NodeId).min(1).max(100).optional(),
  priority: z.int().min(0).max(1000).optional(),
});
export const TriggerOutput = z.object({ jobIds: z.array(z.string()) });
export const PreviewInput = z.strictObject({ partitionId: PartitionId.optional() });
export const PreviewOutput = z.object({
  /** Per pair of this node and a peer: how many records each lacks that the other holds. */
  pairs: z.array(
    z.object({
      partitionId: PartitionId,
      node: NodeId,
      peer: NodeId,
      missingOnNode: z.int(),
      missingOnPeer: z.int(),
    }),
  ),
});

const PartitionSummary = z.object({
  partitionId: PartitionId,
  records: z.int(),
  /** Of values and their frames. */
  bytes: z.int(),
  head: Counter,
  /** The trim watermark: records with a counter at or below it are gone. */
  trimmedTo: Counter,
  primaries: z.array(NodeId),
});
export const PartitionsOutput = z.object({
  partitions: z.array(PartitionSummary),
  next: z.string().optional(),
  unreachable: Unreachable,
});

const RetentionShape = z
  .strictObject({
    /** Records older than this go, by the clock of the coordinator that wrote them. */
    maxAgeMs: z.int().min(1).optional(),
    maxRecords: z.int().min(0).optional(),
    maxBytes: z.int().min(0).optional(),
  })
  .refine((limits) => Object.keys(limits).length > 0, { error: 'name at least one limit' })
  .meta({ minProperties: 1 });
/** What is not named follows the cluster's default. */
const partitionSettings = { consistency: Level.optional(), retention: RetentionShape.optional() };
const ReplicationFactor = z.int().min(1).max(100);
export const PartitionInput = z.strictObject({ partitionId: PartitionId });
export const CreatePartitionInput = z.strictObject({
  partitionId: PartitionId,
  replicationFactor: ReplicationFactor.optional(),
  ...partitionSettings,
});
export const ConfigurePartitionInput = z.strictObject({ partitionId: PartitionId, ...partitionSettings });
export const TrimPartitionInput = z.strictObject({
  partitionId: PartitionId,
  /** The highest counter that goes; above the last record's it stands for all of them. */
  to: Counter,
});
export const PartitionDetailsOutput = PartitionSummary.extend({
  replicationFactor: z.int(),
  /** Absent where the partition follows the default of the node that coordinates. */
  consistency: Level.optional(),
  retention: RetentionShape.optional(),
});

/** A node by its address, its id, or a URL whose host is its id. */
const NodeUrl = z
  .string()
  .min(1)
  .max(300)
  .meta({ examples: ['http://node1:8081'] });
export const MerkleBuildInput = z.strictObject({ partitionId: PartitionId, nodeUrl: NodeUrl });
export const MerkleBuildOutput = z.object({
  partitionId: PartitionId,
  node: NodeId,
  rootHash: z.string(),
  depth: z.int(),
  segmentSize: z.int(),
  leafCount: z.int(),
  recordCount: z.int(),
  cached: z.boolean(),
  durationMs: z.number(),
});
export const MerkleCompareInput = z.strictObject({
  partitionId: PartitionId,
  node1Url: NodeUrl,
  node2Url: NodeUrl.meta({ examples: ['http://node2:8082'] }),
});
export const MerkleCompareOutput = z.object({
  partitionId: PartitionId,
  consistent: z.boolean(),
  root1: z.string(),
  root2: z.string(),
  /** Ranges of counters, both ends included. */
  differences: z.array(z.object({ from: Counter, to: Counter })),
  missingOnNode1: z.int(),
  missingOnNode2: z.int(),
  bytesExchanged: z.int(),
  durationMs: z.number(),
});
export const MerkleHealthOutput = z.object({
  status: z.literal('UP'),
  nodes: z.array(
    z.object({
      node: NodeId,
      kernel: z.string(),
      cachedTrees: z.int(),
      depth: z.int(),
      segmentSize: z.int(),
    }),
  ),
  unreachable: Unreachable,
});

/** Binary shapes: packed groups, listings and rows as core encodes them. */
const VersionShape = z.object({ counter: Counter, origin: z.string().regex(ORIGIN_PATTERN) });
const RangeShape = z.object({
  from: VersionShape,
  to: VersionShape,
  limit: z.int().min(1).max(LIMITS.batchRecordsMax),
  descending: z.boolean().default(false),
});
const IndexRangeShape = z.object({ from: Counter, to: Counter });

const Replicas = z.int().min(1).max(100);
/** By name, or how many replicas must answer a read and have flushed a write. */
const AnyLevel = z.union([Level, z.strictObject({ r: Replicas, w: Replicas })], {
  error: `expected one of ${CONSISTENCY_LEVELS.join(', ')}, or { r, w } with numbers of replicas`,
});

const AnyWriteLevel = z.union([WriteLevel, z.strictObject({ r: Replicas, w: Replicas })], {
  error: `expected one of ${WRITE_LEVELS.join(', ')}, or { r, w } with numbers of replicas`,
});

export const BatchWriteInput = z.object({
  packed: Bytes,
  consistency: AnyWriteLevel.optional(),
  order: z.enum(WRITE_ORDERS).optional(),
});
export const BatchGetInput = z.object({ packed: Bytes, consistency: AnyLevel.optional() });
export const BatchReadInput = z.object({
  partition: PartitionId,
  ids: z.array(RecordIdText).min(1).max(LIMITS.rangesMax),
  consistency: AnyLevel.optional(),
});
export const BatchScanInput = z.object({
  partition: PartitionId,
  range: RangeShape,
  time: z.object({ fromMs: z.int().optional(), toMs: z.int().optional() }).optional(),
  consistency: AnyLevel.optional(),
});

const CursorShape = z.object({
  storeId: z.string().min(1).max(100),
  arrival: Counter,
  ordinal: z.int().min(0).max(0xffff),
});
export const BatchTailInput = z.object({
  partition: PartitionId,
  /** From the first arrival on where it is left out. */
  after: CursorShape.optional(),
  /** Without the records of lower versions. */
  fromVersion: VersionShape.optional(),
});
export const BatchTailEndInput = z.object({ partition: PartitionId, after: CursorShape.optional() });

/** Of a procedure that needs none: whatever comes is left unread. */
export const NoInput = z.custom<void>();
export const PeerHeartbeatInput = z.object({
  from: NodeId.optional(),
  store: z.object({ node: NodeId, storeId: z.string().max(100), votes: z.boolean() }).optional(),
});
export const PeerHeadsInput = z.object({ partitions: z.array(PartitionId).max(LIMITS.batchGroupsMax) });
export const PeerKeysInput = z.object({ packed: Bytes, withRecords: z.boolean() });
/** Where the records come from; a write or a hint unless told. */
const Source = z.union([z.literal('repair'), z.object({ purgedTo: Counter })]);
export const PeerStoreInput = z.object({ packed: Bytes, source: Source.optional() });
export const PeerProposeInput = z.object({ packed: Bytes });
export const PeerTrimInput = z.object({ partition: PartitionId, counter: Counter });
export const PeerFenceInput = PeerTrimInput.extend({ purgedTo: Counter });
export const PeerPurgeDigestInput = z.object({ partition: PartitionId, upTo: Counter.optional() });
export const PeerPageInput = z.object({
  after: z.string().max(LIMITS.partitionNameMax),
  limit: z.int().min(1).max(10_000),
});
const PartitionOptionsShape = z.object({
  replicationFactor: ReplicationFactor.optional(),
  ...partitionSettings,
});
export const PeerMergeCatalogInput = z.object({
  entries: z
    .array(
      z.object({
        partition: PartitionId,
        version: VersionShape,
        exists: z.boolean(),
        options: PartitionOptionsShape,
        floor: Counter,
      }),
    )
    .max(LIMITS.batchRecordsMax),
});
const changed = { partition: PartitionId };
export const PeerChangePartitionInput = z.discriminatedUnion('change', [
  z.object({ change: z.literal('create'), ...changed, options: PartitionOptionsShape }),
  z.object({ change: z.literal('configure'), ...changed, options: PartitionOptionsShape }),
  z.object({ change: z.literal('trim'), ...changed, to: Counter }),
  z.object({ change: z.literal('drop'), ...changed }),
]);
export const PeerListInput = z.object({
  ranges: z.array(z.object({ partition: PartitionId, range: RangeShape })).max(LIMITS.rangesMax),
  /** It is asked for to count as an answer: NO_VOTE where it cannot. */
  asVote: z.boolean().optional(),
});
export const PeerRangesInput = z.object({
  partition: PartitionId,
  ranges: z.array(RangeShape).max(LIMITS.rangesMax),
});
export const PeerTimeRangesInput = z.object({
  partition: PartitionId,
  fromMs: z.number(),
  toMs: z.number(),
  from: Counter,
  limit: z.int().min(1).max(LIMITS.rangesMax),
});
export const PeerFramesInput = z.object({
  partition: PartitionId,
  versions: z.array(VersionShape).max(LIMITS.batchRecordsMax),
});
export const PeerRowsInput = z.object({
  partition: PartitionId,
  level: z.int().min(0).max(10),
  ranges: z.array(IndexRangeShape).max(LIMITS.rowsMax),
});
export const PeerItemsInput = z.object({ partition: PartitionId, items: Bytes });
const Segment = z.int().min(0).max(allRows(0).to);
export const PeerSymbolsInput = z
  .object({
    partition: PartitionId,
    segments: z.array(z.object({ from: Segment, to: Segment })).max(LIMITS.rangesMax),
    first: z.int().min(0),
    symbols: z.int().min(1),
  })
  .refine(({ first, symbols }) => first + symbols <= LIMITS.sketchSymbolsMax, {
    error: `a sketch has at most ${LIMITS.sketchSymbolsMax} symbols`,
  });
export const PeerPartitionInput = z.object({ partition: PartitionId });
export const PeerTreeInput = z.object({ partition: PartitionId, reach: Counter });
export const PeerCompareInput = z.object({ partition: PartitionId, other: NodeId });
export const PeerRepairInput = z.object({
  partition: PartitionId,
  reason: z.enum(JOB_REASONS),
  nodes: z.array(NodeId).optional(),
  priority: z.int().optional(),
});
