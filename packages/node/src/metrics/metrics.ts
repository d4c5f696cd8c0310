/**
 * What a node counts, for Prometheus: only what has no state elsewhere. Each is counted once for a group,
 * a read or a job, never for each record.
 */
import { CONSISTENCY_LEVELS, WRITE_LEVELS } from '@mendlog/core';
import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client';
import { type MetricSources, registerStateGauges } from './state-gauges.js';

/** Seconds; from a commit on a fast disk to the time-outs. */
const LATENCY_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/** Refused: nothing was written. Unknown: the records may be stored or not. */
const WRITE_OUTCOMES = ['acknowledged', 'refused', 'unknown'] as const;
const READ_OUTCOMES = ['answered', 'failed'] as const;
/** Idle: nothing was old enough. Unproven: the replicas went on differing. */
const PURGE_OUTCOMES = ['purged', 'idle', 'unproven', 'failed'] as const;
/** Groups of one request with the same result and level. */
export interface CountedWrites {
  readonly result: (typeof WRITE_OUTCOMES)[number];
  readonly level: string;
  groups: number;
  records: number;
  bytes: number;
}
/** Ranges, or keys, of one request with the same result and level. */
export interface CountedReads {
  readonly result: (typeof READ_OUTCOMES)[number];
  readonly level: string;
  reads: number;
}

/** Seconds; from a comparison of equal roots to the streaming of a whole partition. */
const JOB_BUCKETS = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300];

export class Metrics {
  readonly #registry = new Registry();
  readonly #jobsCompleted = this.#counter(
    'reconciliation_jobs_completed_total',
    'Anti-entropy jobs that completed',
  );
  readonly #jobsFailed = this.#counter(
    'mendlog_reconciliation_jobs_failed_total',
    'Attempts of anti-entropy jobs that failed',
  );
  readonly #repairedRecords = this.#counter(
    'mendlog_records_repaired_total',
    'Records that anti-entropy moved',
  );
  readonly #repairBytes = this.#counter('mendlog_repair_bytes_total', 'Bytes of anti-entropy', ['direction']);
  readonly #readRepairs = this.#counter(
    'read_repairs_triggered_total',
    'Reads that found a replica lacking a record and repaired it',
  );
  readonly #comparisons = this.#counter(
    'merkle_tree_comparisons_total',
    'Comparisons of this replica with another by digests',
  );
  readonly #writes = this.#counter(
    'mendlog_writes_total',
    'Groups of records written through this coordinator',
    ['outcome', 'consistency'],
  );
  readonly #records = this.#counter(
    'mendlog_records_written_total',
    'Records acknowledged by this coordinator',
  );
  readonly #bytes = this.#counter(
    'mendlog_bytes_written_total',
    'Bytes of records acknowledged by this coordinator',
  );
  readonly #reads = this.#counter('mendlog_reads_total', 'Ranges and keys read through this coordinator', [
    'outcome',
    'consistency',
  ]);
  readonly #writeSeconds = this.#histogram(
    'mendlog_write_seconds',
    'Time from submission to acknowledgement',
    LATENCY_BUCKETS,
  );
  readonly #readSeconds = this.#histogram('mendlog_read_seconds', 'Time of a read', LATENCY_BUCKETS);
  readonly #jobSeconds = this.#histogram(
    'mendlog_reconciliation_job_seconds',
    'Time of an attempt of an anti-entropy job',
    JOB_BUCKETS,
  );

  readonly #purges = this.#counter(
    'mendlog_tombstone_purges_total',
    'Rounds of this node to purge the tombstones of a partition that it leads',
    ['outcome'],
  );

  constructor(nodeId: string, sources: MetricSources) {
    this.#registry.setDefaultLabels({ node: nodeId });
    collectDefaultMetrics({ register: this.#registry });
    registerStateGauges(this.#registry, sources);
    // A series that begins with its first event hides that event from rate(): all begin at 0.
    for (const consistency of WRITE_LEVELS)
      for (const outcome of WRITE_OUTCOMES) this.#writes.inc({ outcome, consistency }, 0);
    for (const consistency of CONSISTENCY_LEVELS) {
      for (const outcome of READ_OUTCOMES) this.#reads.inc({ outcome, consistency }, 0);
    }
    for (const outcome of PURGE_OUTCOMES) this.#purges.inc({ outcome }, 0);
    for (const direction of ['sent', 'received']) this.#repairBytes.inc({ direction }, 0);
  }

  /** One request. */
  wrote(counts: readonly CountedWrites[], seconds: number): void {
    for (const { result, level, groups, records, bytes } of counts) {
      this.#writes.inc({ outcome: result, consistency: level }, groups);
      if (result !== 'acknowledged') continue;
      this.#records.inc(records);
      this.#bytes.inc(bytes);
      this.#writeSeconds.observe(seconds);
    }
  }

  /** One request. */
  read(counts: readonly CountedReads[], seconds: number): void {
    for (const { result, level, reads } of counts) {
      this.#reads.inc({ outcome: result, consistency: level }, reads);
      if (result === 'answered') this.#readSeconds.observe(seconds);
    }
  }

  readRepair(): void {
    this.#readRepairs.inc();
  }

  compared(): void {
    this.#comparisons.inc();
  }

  jobEnded(ended: 'completed' | 'failed', seconds: number): void {
    this.#jobSeconds.observe(seconds);
    if (ended === 'completed') this.#jobsCompleted.inc();
    else this.#jobsFailed.inc();
  }

  repaired(records: number, bytes: { sent: number; received: number }): void {
    this.#repairedRecords.inc(records);
    this.#repairBytes.inc({ direction: 'sent' }, bytes.sent);
    this.#repairBytes.inc({ direction: 'received' }, bytes.received);
  }

  purgeEnded(outcome: (typeof PURGE_OUTCOMES)[number]): void {
    this.#purges.inc({ outcome });
  }

  /** The Prometheus text format. */
  async text(): Promise<string> {
    return await this.#registry.metrics();
  }

  #counter<Label extends string>(name: string, help: string, labelNames: Label[] = []): Counter<Label> {
    return new Counter({ name, help, labelNames, registers: [this.#registry] });
  }

  #histogram(name: string, help: string, buckets: number[]): Histogram {
    return new Histogram({ name, help, buckets, registers: [this.#registry] });
  }
}
