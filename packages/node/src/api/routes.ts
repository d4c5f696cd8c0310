/** The table of REST routes: each a method, a path, and the procedure that answers it. */
import type { ErrorCode } from '@mendlog/core';
import type { z } from 'zod';
import type { router } from './router.js';
import * as schemas from './schemas.js';

type Caller = ReturnType<typeof router.createCaller>;

/** Path parameters, query parameters and body in one object; zod checks it in the procedure. */
export type Input = Record<string, unknown>;

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** `:name` stands for one path segment. */
  readonly path: string;
  readonly summary: string;
  readonly input?: z.ZodType;
  /** Absent where the answer is text. */
  readonly output?: z.ZodType;
  readonly status: number;
  /** Beside those that any route may answer with (problems.ts). */
  readonly errors?: readonly ErrorCode[];
  call(caller: Caller, input: Input): Promise<unknown>;
  /** A status that depends on the answer. */
  statusOf?(answer: unknown): number;
}

const WRITE_ERRORS: readonly ErrorCode[] = [
  'TOO_FEW_NODES',
  'CLOCK_JUMP',
  'TRIMMED',
  'FENCED',
  'WRITE_TIMEOUT',
  'DISK_FULL',
];

/** A change of a partition reads first, and may meet a replica that the trim or the options do not reach. */
const CHANGE_ERRORS: readonly ErrorCode[] = ['READ_TIMEOUT', 'WRITE_TIMEOUT', 'DISK_FULL'];

const metrics = (path: string): Route => ({
  method: 'GET',
  path,
  summary: 'Metrics in the Prometheus text format',
  status: 200,
  call: (caller) => caller.cluster.metrics(),
});

export const ROUTES: readonly Route[] = [
  {
    method: 'GET',
    path: '/api/health',
    summary: 'Whether the cluster can serve, and each node',
    output: schemas.HealthOutput,
    status: 200,
    call: (caller) => caller.cluster.health(),
    statusOf: (answer) => (schemas.HealthOutput.parse(answer).status === 'DOWN' ? 503 : 200),
  },
  {
    method: 'POST',
    path: '/api/write',
    summary: 'Append a record',
    input: schemas.WriteInput,
    output: schemas.WriteOutput,
    status: 201,
    errors: WRITE_ERRORS,
    call: (caller, input) => call(caller.records.append, input),
  },
  {
    method: 'PUT',
    path: '/api/keys/:partitionId/:key',
    summary: 'Put a record under a key',
    input: schemas.PutInput,
    output: schemas.WriteOutput,
    status: 200,
    errors: WRITE_ERRORS,
    call: (caller, input) => call(caller.records.put, input),
  },
  {
    method: 'GET',
    path: '/api/keys/:partitionId/:key',
    summary: 'Read the record that holds a key',
    input: schemas.KeyInput,
    output: schemas.GetOutput,
    status: 200,
    errors: ['NOT_FOUND', 'TOO_FEW_NODES', 'READ_TIMEOUT'],
    call: (caller, input) => call(caller.records.get, input),
  },
  {
    method: 'DELETE',
    path: '/api/keys/:partitionId/:key',
    summary: 'Delete a key',
    input: schemas.DeleteInput,
    output: schemas.WriteOutput,
    status: 200,
    errors: WRITE_ERRORS,
    call: (caller, input) => call(caller.records.delete, input),
  },
  {
    method: 'GET',
    path: '/api/read/:partitionId/:id',
    summary: 'Read a record by counter or version',
    input: schemas.ReadInput,
    output: schemas.ReadOutput,
    status: 200,
    errors: ['NOT_FOUND', 'TOO_FEW_NODES', 'AMBIGUOUS_ID', 'READ_TIMEOUT'],
    call: (caller, input) => call(caller.records.read, input),
  },
  {
    method: 'GET',
    path: '/api/scan/:partitionId',
    summary: 'Read a range of records in order of version, or in reverse',
    input: schemas.ScanInput,
    output: schemas.ScanOutput,
    status: 200,
    errors: ['NOT_FOUND', 'TOO_FEW_NODES', 'READ_TIMEOUT', 'TOO_LARGE'],
    call: (caller, input) => call(caller.records.scan, input),
  },
  {
    method: 'GET',
    path: '/api/partitions',
    summary: 'All partitions, in order of name',
    input: schemas.PageInput,
    output: schemas.PartitionsOutput,
    status: 200,
    call: (caller, input) => call(caller.partitions.list, input),
  },
  {
    method: 'POST',
    path: '/api/partitions',
    summary: 'Create a partition with options of its own',
    input: schemas.CreatePartitionInput,
    output: schemas.PartitionDetailsOutput,
    status: 201,
    errors: ['PARTITION_EXISTS', 'TOO_FEW_NODES', ...CHANGE_ERRORS],
    call: (caller, input) => call(caller.partitions.create, input),
  },
  {
    method: 'GET',
    path: '/api/partitions/:partitionId',
    summary: 'One partition and its options',
    input: schemas.PartitionInput,
    output: schemas.PartitionDetailsOutput,
    status: 200,
    errors: ['NOT_FOUND', 'READ_TIMEOUT', 'DISK_FULL'],
    call: (caller, input) => call(caller.partitions.get, input),
  },
  {
    method: 'PUT',
    path: '/api/partitions/:partitionId',
    summary: 'Set the consistency and retention of a partition',
    input: schemas.ConfigurePartitionInput,
    output: schemas.PartitionDetailsOutput,
    status: 200,
    errors: ['NOT_FOUND', 'TOO_FEW_NODES', ...CHANGE_ERRORS],
    call: (caller, input) => call(caller.partitions.configure, input),
  },
  {
    method: 'DELETE',
    path: '/api/partitions/:partitionId',
    summary: 'Drop a partition: all its records and options',
    input: schemas.PartitionInput,
    output: schemas.PartitionDetailsOutput,
    status: 200,
    errors: ['NOT_FOUND', ...CHANGE_ERRORS],
    call: (caller, input) => call(caller.partitions.drop, input),
  },
  {
    method: 'POST',
    path: '/api/partitions/:partitionId/trim',
    summary: 'Remove the oldest records of a partition, up to a counter',
    input: schemas.TrimPartitionInput,
    output: schemas.PartitionDetailsOutput,
    status: 200,
    errors: ['NOT_FOUND', ...CHANGE_ERRORS],
    call: (caller, input) => call(caller.partitions.trim, input),
  },
  {
    method: 'GET',
    path: '/api/cluster/summary',
    summary: 'The digest of each node and of its partitions',
    output: schemas.SummaryOutput.array(),
    status: 200,
    call: (caller) => caller.cluster.summary(),
  },
  {
    method: 'POST',
    path: '/api/merkle/build',
    summary: 'The Merkle tree of a partition on one node',
    input: schemas.MerkleBuildInput,
    output: schemas.MerkleBuildOutput,
    status: 200,
    errors: ['NOT_FOUND'],
    call: (caller, input) => call(caller.merkle.build, input),
  },
  {
    method: 'POST',
    path: '/api/merkle/compare',
    summary: 'Compare a partition on two nodes',
    input: schemas.MerkleCompareInput,
    output: schemas.MerkleCompareOutput,
    status: 200,
    errors: ['NOT_FOUND', 'READ_TIMEOUT'],
    call: (caller, input) => call(caller.merkle.compare, input),
  },
  {
    method: 'GET',
    path: '/api/merkle/health',
    summary: 'The digest kernel and the trees that are kept',
    output: schemas.MerkleHealthOutput,
    status: 200,
    call: (caller) => caller.merkle.health(),
  },
  {
    method: 'GET',
    path: '/api/coordinator/jobs',
    summary: 'Anti-entropy jobs, newest first',
    input: schemas.JobsInput,
    output: schemas.JobsOutput,
    status: 200,
    call: (caller, input) => call(caller.antiEntropy.jobs, input),
  },
  {
    method: 'POST',
    path: '/api/coordinator/trigger',
    summary: 'Queue anti-entropy jobs',
    input: schemas.TriggerInput,
    output: schemas.TriggerOutput,
    status: 202,
    errors: ['NOT_FOUND', 'DISK_FULL'],
    call: (caller, input) => call(caller.antiEntropy.trigger, input),
  },
  {
    method: 'GET',
    path: '/api/coordinator/preview',
    summary: 'What anti-entropy would move, without moving it',
    input: schemas.PreviewInput,
    output: schemas.PreviewOutput,
    status: 200,
    errors: ['READ_TIMEOUT'],
    call: (caller, input) => call(caller.antiEntropy.preview, input),
  },
  {
    method: 'POST',
    path: '/api/coordinator/cancel',
    summary: 'Take a waiting job back',
    input: schemas.CancelInput,
    output: schemas.CancelOutput,
    status: 200,
    errors: ['NOT_FOUND', 'JOB_NOT_WAITING', 'DISK_FULL'],
    call: (caller, input) => call(caller.antiEntropy.cancel, input),
  },
  {
    method: 'POST',
    path: '/api/coordinator/pause',
    summary: 'Let jobs wait',
    output: schemas.PausedOutput,
    status: 200,
    call: (caller) => caller.antiEntropy.pause(),
  },
  {
    method: 'POST',
    path: '/api/coordinator/resume',
    summary: 'Let jobs run again',
    output: schemas.PausedOutput,
    status: 200,
    call: (caller) => caller.antiEntropy.resume(),
  },
  {
    method: 'GET',
    path: '/api/hints/pending',
    summary: 'Hints that wait for their target',
    input: schemas.PageInput,
    output: schemas.HintsPendingOutput,
    status: 200,
    call: (caller, input) => call(caller.hints.pending, input),
  },
  {
    method: 'GET',
    path: '/api/hints/stats',
    summary: 'What became of the hints',
    output: schemas.HintStatsOutput,
    status: 200,
    call: (caller) => caller.hints.stats(),
  },
  {
    method: 'POST',
    path: '/api/hints/drop',
    summary: 'Throw pending hints away',
    input: schemas.HintsDropInput,
    output: schemas.HintsDropOutput,
    status: 200,
    errors: ['DISK_FULL'],
    call: (caller, input) => call(caller.hints.drop, input),
  },
  metrics('/metrics'),
  metrics('/actuator/prometheus'),
];

/** Calls a procedure with an input that only its schema has yet to see. */
async function call(procedure: (input: never) => Promise<unknown>, input: Input): Promise<unknown> {
  return await Reflect.apply(procedure, undefined, [input]);
}
