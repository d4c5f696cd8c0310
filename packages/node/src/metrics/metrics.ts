/**
 * What a node counts, for Prometheus. The parts of the node are asked for their state when somebody
 * scrapes; only what has no state elsewhere is counted here.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { HintStats } from '../api/service.js';

/** What a scrape asks the parts of a node. */
export interface MetricSources {
  hints(): HintStats;
  totals(): { partitions: number; records: number };
  writeQueueBytes(): number;
  jobs(): Readonly<Record<string, number>>;
  cachedTrees(): number;
  peers(): readonly { id: string; alive: boolean }[];
}

/** Seconds; from a commit on a fast disk to the time-outs. */
const LATENCY_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

export class Metrics {
  readonly #registry = new Registry();
  readonly #sources: MetricSources;
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
    ['outcome'],
  );
  readonly #records = this.#counter(
    'mendlog_records_written_total',
    'Records acknowledged by this coordinator',
  );
  readonly #bytes = this.#counter(
    'mendlog_bytes_written_total',
    'Bytes of values acknowledged by this coordinator',
  );
  readonly #reads = this.#counter('mendlog_reads_total', 'Ranges read through this coordinator', ['outcome']);
  readonly #writeSeconds = this.#histogram(
    'mendlog_write_seconds',
    'Time from submission to acknowledgement',
  );
  readonly #readSeconds = this.#histogram('mendlog_read_seconds', 'Time of a quorum read');

  constructor(nodeId: string, sources: MetricSources) {
    this.#sources = sources;
    this.#registry.setDefaultLabels({ node: nodeId });
    collectDefaultMetrics({ register: this.#registry });
    this.#gauges();
  }

  wrote(
    outcome: 'acknowledged' | 'refused' | 'unknown',
    size: { records: number; bytes: number },
    seconds: number,
  ): void {
    this.#writes.inc({ outcome });
    if (outcome !== 'acknowledged') return;
    this.#records.inc(size.records);
    this.#bytes.inc(size.bytes);
    this.#writeSeconds.observe(seconds);
  }

  readRanges(outcome: 'answered' | 'failed', ranges: number, seconds: number): void {
    this.#reads.inc({ outcome }, ranges);
    if (outcome === 'answered') this.#readSeconds.observe(seconds);
  }

  readRepair(): void {
    this.#readRepairs.inc();
  }

  compared(): void {
    this.#comparisons.inc();
  }

  jobEnded(ended: 'completed' | 'failed'): void {
    if (ended === 'completed') this.#jobsCompleted.inc();
    else this.#jobsFailed.inc();
  }

  repaired(records: number, bytes: { sent: number; received: number }): void {
    this.#repairedRecords.inc(records);
    this.#repairBytes.inc({ direction: 'sent' }, bytes.sent);
    this.#repairBytes.inc({ direction: 'received' }, bytes.received);
  }

  /** The Prometheus text format. */
  async text(): Promise<string> {
    return await this.#registry.metrics();
  }

  #gauges(): void {
    const { hints, totals, writeQueueBytes, jobs, cachedTrees, peers } = this.#sources;
    this.#gauge('hints_pending', 'Hints that wait for their target', (gauge) => gauge.set(hints().pending));
    this.#gauge(
      'mendlog_hints_pending_by_target',
      'Hints that wait, by target',
      (gauge) => {
        gauge.reset();
        for (const [target, pending] of Object.entries(hints().byTarget)) gauge.set({ target }, pending);
      },
      ['target'],
    );
    this.#gauge(
      'mendlog_hints_total',
      'Hints since the start of this process, by what became of them',
      (gauge) => {
        const { stored, replayed, expired, dropped, failed } = hints();
        for (const [state, number] of Object.entries({ stored, replayed, expired, dropped, failed }))
          gauge.set({ state }, number);
      },
      ['state'],
    );
    this.#gauge('mendlog_partitions', 'Partitions on this replica', (gauge) =>
      gauge.set(totals().partitions),
    );
    this.#gauge('mendlog_records', 'Records on this replica', (gauge) => gauge.set(totals().records));
    this.#gauge('mendlog_write_queue_bytes', 'Bytes that wait for a group commit', (gauge) =>
      gauge.set(writeQueueBytes()),
    );
    this.#gauge('mendlog_merkle_cached_trees', 'Merkle trees that are kept', (gauge) =>
      gauge.set(cachedTrees()),
    );
    this.#gauge(
      'mendlog_jobs',
      'Anti-entropy jobs that are kept, by status',
      (gauge) => {
        for (const [status, number] of Object.entries(jobs())) gauge.set({ status }, number);
      },
      ['status'],
    );
    this.#gauge(
      'mendlog_peer_up',
      '1 while a peer is alive',
      (gauge) => {
        for (const { id, alive } of peers()) gauge.set({ peer: id }, alive ? 1 : 0);
      },
      ['peer'],
    );
  }

  #counter<Label extends string>(name: string, help: string, labelNames: Label[] = []): Counter<Label> {
    return new Counter({ name, help, labelNames, registers: [this.#registry] });
  }

  #histogram(name: string, help: string): Histogram {
    return new Histogram({ name, help, buckets: LATENCY_BUCKETS, registers: [this.#registry] });
  }

  #gauge(name: string, help: string, collect: (gauge: Gauge) => void, labelNames: string[] = []): void {
    const gauge: Gauge = new Gauge({
      name,
      help,
      labelNames,
      registers: [this.#registry],
      collect: () => collect(gauge),
    });
  }
}
