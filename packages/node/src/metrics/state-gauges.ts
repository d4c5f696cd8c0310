/**
 * What Prometheus sees of a node's state. Nothing is kept up to date here: each part of the node is asked
 * when somebody scrapes. A peer or a status without anything to report is shown as 0, so that a graph
 * has a line before the first event and an alert has something to compare.
 */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { HintStats } from '../api/service.js';
import type { ScrubCounts } from '../scrub/scrubber.js';
import type { WithoutVote } from '../votes/vote-keeper.js';

/** What a scrape asks the parts of a node. */
export interface MetricSources {
  readonly kernel: string;
  hints(): HintStats;
  /** Milliseconds by target, where any hint waits. */
  hintAgesMs(): Readonly<Record<string, number>>;
  totals(): { partitions: number; records: number };
  /** Undefined where the store votes on all partitions. */
  withoutVote(): WithoutVote | undefined;
  writeQueueBytes(): number;
  readQueueReads(): number;
  speculativeReads(): number;
  /** Calls of this process: those that it works on, and those refused since its start. */
  calls(): { readonly underWay: number; readonly refused: number };
  /** Bytes that are flushed and not in the index yet. */
  indexLagBytes(): number;
  jobs(): Readonly<Record<string, number>>;
  /** How long the longest waiting job has waited; 0 where none waits. */
  oldestPendingJobMs(): number;
  cachedTrees(): number;
  scrub(): ScrubCounts;
  /** Connections that were ended since the start, by reason. */
  connectionFaults(): ReadonlyMap<string, number>;
  peers(): readonly { id: string; alive: boolean }[];
}

type Samples = Iterable<readonly [labelValue: string, sample: number]>;

export function registerStateGauges(registry: Registry, sources: MetricSources): void {
  /** A gauge with one value, or with one for each value of a label. */
  const gauge = (name: string, help: string, value: () => number): Gauge =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect: function () {
        this.set(value());
      },
    });
  const gaugeBy = (label: string, name: string, help: string, samples: () => Samples): Gauge =>
    new Gauge({
      name,
      help,
      labelNames: [label],
      registers: [registry],
      collect: function () {
        this.reset();
        for (const [value, sample] of samples()) this.set({ [label]: value }, sample);
      },
    });
  /** Every peer has a sample, those that the part does not speak of too. */
  const byPeer = (values: Readonly<Record<string, number>>): [string, number][] =>
    Object.entries({ ...Object.fromEntries(sources.peers().map(({ id }) => [id, 0])), ...values });

  gauge('mendlog_index_lag_bytes', 'Bytes that are flushed and not indexed yet', () =>
    sources.indexLagBytes(),
  );
  gauge('hints_pending', 'Hints that wait for their target', () => sources.hints().pending);
  gaugeBy('target', 'mendlog_hints_pending_by_target', 'Hints that wait, by target', () =>
    byPeer(sources.hints().byTarget),
  );
  gaugeBy('target', 'mendlog_hints_oldest_age_seconds', 'Age of the oldest hint that waits, by target', () =>
    byPeer(sources.hintAgesMs()).map(([target, ageMs]) => [target, ageMs / 1000]),
  );
  new Counter({
    name: 'mendlog_hints_total',
    help: 'Hints since the start of this process, by what became of them',
    labelNames: ['state'],
    registers: [registry],
    collect: function () {
      const { stored, replayed, expired, dropped, failed } = sources.hints();
      this.reset();
      for (const [state, number] of Object.entries({ stored, replayed, expired, dropped, failed }))
        this.inc({ state }, number);
    },
  });
  gauge('mendlog_partitions', 'Partitions on this replica', () => sources.totals().partitions);
  gauge('mendlog_records', 'Records on this replica', () => sources.totals().records);
  gauge('mendlog_store_votes', '1 while the store of this node votes on all partitions', () =>
    sources.withoutVote() === undefined ? 1 : 0,
  );
  gauge(
    'mendlog_partitions_without_vote',
    'Partitions on which the store of this node, which is new, does not vote yet',
    () => sources.withoutVote()?.partitions ?? 0,
  );
  gauge('mendlog_write_queue_bytes', 'Bytes that wait for a group commit', () => sources.writeQueueBytes());
  gauge('mendlog_read_queue_reads', 'Reads of keys that wait for their turn', () => sources.readQueueReads());
  gauge('mendlog_calls', 'Calls that this process works on', () => sources.calls().underWay);
  gauge('mendlog_merkle_cached_trees', 'Merkle trees that are kept', () => sources.cachedTrees());
  gaugeBy('status', 'mendlog_jobs', 'Anti-entropy jobs that are kept, by status', () =>
    Object.entries(sources.jobs()),
  );
  gauge(
    'mendlog_reconciliation_oldest_pending_seconds',
    'How long the longest waiting anti-entropy job has waited',
    () => sources.oldestPendingJobMs() / 1000,
  );
  gauge(
    'mendlog_damaged_records',
    'Records that the disk has changed, and that no other replica has given back yet',
    () => sources.scrub().damaged,
  );
  const counter = (name: string, help: string, value: () => number): Counter =>
    new Counter({
      name,
      help,
      registers: [registry],
      collect: function () {
        this.reset();
        this.inc(value());
      },
    });
  counter(
    'mendlog_speculative_reads_total',
    'Rounds of reads of keys that asked one replica more, since one was late',
    () => sources.speculativeReads(),
  );
  counter(
    'mendlog_calls_refused_total',
    'Calls that were refused as OVERLOADED, since too many were under way',
    () => sources.calls().refused,
  );
  counter(
    'mendlog_scrub_walks_total',
    'Checks of everything on disk that ended',
    () => sources.scrub().walks,
  );
  counter('mendlog_scrub_records_total', 'Records that the scrub has checked', () => sources.scrub().records);
  new Counter({
    name: 'mendlog_scrub_findings_total',
    help: 'What the scrub found to be changed by the disk, by kind',
    labelNames: ['kind'],
    registers: [registry],
    collect: function () {
      this.reset();
      for (const [kind, number] of Object.entries(sources.scrub().found)) this.inc({ kind }, number);
    },
  });
  new Counter({
    name: 'mendlog_connection_faults_total',
    help: 'Connections that were ended since they were no good, by reason',
    labelNames: ['reason'],
    registers: [registry],
    collect: function () {
      this.reset();
      for (const [reason, number] of sources.connectionFaults()) this.inc({ reason }, number);
    },
  });
  gaugeBy('peer', 'mendlog_peer_up', '1 while a peer is alive', () =>
    sources.peers().map(({ id, alive }) => [id, alive ? 1 : 0]),
  );
  gaugeBy('kind', 'mendlog_kernel', 'Always 1; the label says which digest kernel computes', () => [
    [sources.kernel, 1],
  ]);
}
