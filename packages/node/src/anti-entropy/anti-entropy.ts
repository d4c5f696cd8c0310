/**
 * The anti-entropy coordinator of a node: keeps jobs, runs one at a time, and answers for them.
 *
 * A job compares one partition between this node and each live peer that holds it. Peers are visited
 * again while a visit changed anything, so that what one peer lacked and another held reaches all.
 * Jobs are stored before they run and survive a restart.
 */
import { randomUUID } from 'node:crypto';
import {
  type DigestKernel,
  type Job,
  type JobProgress,
  type JobReason,
  type JobStatus,
  jobAfterRestart,
  jobCancelled,
  jobCompleted,
  jobFailed,
  jobStarted,
  MendlogError,
  newJob,
  nextJob,
  ROW_BYTES,
  type Store,
  toMendlogError,
} from '@mendlog/core';
import type { JobOptions, Jobs, JobsQuery, Preview, Trigger } from '../api/service.js';
import type { Log } from '../log.js';
import { answerOf } from '../membership/answer-of.js';
import type { Peers } from '../membership/peers.js';
import type { Placement } from '../membership/placement.js';
import type { Metrics } from '../metrics/metrics.js';
import { jobCursor, jobJson } from './job-json.js';
import { runSession, type SessionReport } from './run-session.js';

export interface AntiEntropyOptions {
  readonly store: Store;
  readonly kernel: DigestKernel;
  readonly peers: Peers;
  readonly placement: Placement;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Between two scheduled comparisons of all partitions; 0 for never. */
  readonly intervalMs: number;
}

const EMPTY_ROW = new Uint8Array(ROW_BYTES);
const FINISHED_JOBS_KEPT_MAX = 1000;
const PENDING_JOBS_MAX = 10_000;
const VISITS_MAX = 3;
const TICK_MS = 500;
const ROOTS_PER_PAGE = 10_000;

export class AntiEntropy {
  readonly #options: AntiEntropyOptions;
  readonly #jobs = new Map<string, Job>();
  readonly #timer: NodeJS.Timeout;
  readonly #schedule: NodeJS.Timeout | undefined;
  #paused = false;
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(options: AntiEntropyOptions) {
    this.#options = options;
    for (const job of options.store.jobs()) this.#jobs.set(job.id, jobAfterRestart(job));
    this.#timer = setInterval(() => this.#pump(), TICK_MS);
    if (options.intervalMs > 0)
      this.#schedule = setInterval(() => void this.#scheduled(), options.intervalMs);
  }

  setPaused(paused: boolean): void {
    this.#paused = paused;
    this.#pump();
  }

  /** Takes a waiting job back. Throws NOT_FOUND, and JOB_NOT_WAITING. */
  async cancel(jobId: string): Promise<void> {
    const job = this.#jobs.get(jobId);
    if (job === undefined) throw new MendlogError('NOT_FOUND', `there is no job ${jobId}`);
    if (job.status !== 'PENDING')
      throw new MendlogError(
        'JOB_NOT_WAITING',
        `job ${jobId} is ${job.status}: only a waiting job can be cancelled`,
      );
    await this.#save(jobCancelled(job, Date.now()));
  }

  countByStatus(): Record<JobStatus, number> {
    const counts = { PENDING: 0, RUNNING: 0, COMPLETED: 0, FAILED: 0, CANCELLED: 0 };
    for (const job of this.#jobs.values()) counts[job.status]++;
    return counts;
  }

  /** How long the longest waiting job has waited; 0 where none waits. */
  oldestPendingMs(): number {
    const nowMs = Date.now();
    let oldestAtMs = nowMs;
    for (const { status, createdAtMs } of this.#jobs.values())
      if (status === 'PENDING') oldestAtMs = Math.min(oldestAtMs, createdAtMs);
    return nowMs - oldestAtMs;
  }

  /** Queues a job at the node that leads the partition, and returns the job's id. */
  async queueAtLeader(partition: string, reason: JobReason, options: JobOptions = {}): Promise<string> {
    const { peers, placement } = this.#options;
    const leader = placement.primaries(partition).find((nodeId) => peers.isAlive(nodeId));
    if (leader === undefined || leader === peers.self) return await this.queue(partition, reason, options);
    // The leader queues it whatever it thinks who leads: two views must not pass a job to and fro.
    const { repair } = peers.connectionTo(leader).call.peer;
    return (await answerOf(repair.mutate({ partition, reason, ...options }))).jobId;
  }

  /**
   * Queues a job for each partition of which this node is the first live primary, or for the one that
   * is asked for, at the node that leads it.
   */
  async trigger(request: Trigger): Promise<string[]> {
    const { partitionId, nodes, priority } = request;
    const { peers } = this.#options;
    const unknown = nodes?.find((nodeId) => !peers.nodeIds.includes(nodeId));
    if (unknown !== undefined) throw new MendlogError('NOT_FOUND', `there is no node ${unknown}`);
    if (partitionId !== undefined) {
      if (!(await this.#exists(partitionId)))
        throw new MendlogError('NOT_FOUND', `there is no partition ${partitionId}`);
      return [await this.queueAtLeader(partitionId, 'manual', { nodes, priority })];
    }
    const ids: string[] = [];
    for (const partition of this.#ownPartitions())
      ids.push(await this.queue(partition, 'manual', { nodes, priority }));
    return ids;
  }

  /** A partition that already waits with the same reason is not queued twice. */
  async queue(partition: string, reason: JobReason, options: JobOptions = {}): Promise<string> {
    const waiting = [...this.#jobs.values()].filter(({ status }) => status === 'PENDING');
    const same = waiting.find(
      (job) => job.partition === partition && job.reason === reason && options.nodes === undefined,
    );
    if (same !== undefined) return same.id;
    if (waiting.length >= PENDING_JOBS_MAX)
      throw new MendlogError('OVERLOADED', 'too many anti-entropy jobs are waiting');
    const self = this.#options.peers.self;
    const others = this.#options.placement.primaries(partition).filter((nodeId) => nodeId !== self);
    const nodes = [self, ...others.filter((nodeId) => options.nodes?.includes(nodeId) ?? true)];
    const job = newJob(
      { id: randomUUID(), partition, nodes, reason, priority: options.priority },
      Date.now(),
    );
    await this.#save(job);
    this.#pump();
    return job.id;
  }

  list(query: JobsQuery): Jobs {
    const matching = this.#newestFirst()
      .filter((job) => query.status === undefined || job.status === query.status)
      .map((job) => jobJson(job, this.#waitingFor(job)))
      .filter((job) => query.cursor === undefined || jobCursor(job) < query.cursor);
    const jobs = matching.slice(0, query.limit);
    const last = jobs.at(-1);
    return {
      jobs,
      ...(last !== undefined && matching.length > jobs.length ? { next: jobCursor(last) } : {}),
    };
  }

  /** What sessions between this node and each live peer would move, without moving it. */
  async preview(partition: string | undefined): Promise<Preview> {
    const { peers, placement, store } = this.#options;
    const partitions =
      partition === undefined ? store.partitions().map((summary) => summary.partition) : [partition];
    const pairs: Preview['pairs'] = [];
    for (const name of partitions) {
      for (const peerId of placement.primaries(name)) {
        if (peerId === peers.self || !peers.isAlive(peerId)) continue;
        const report = await this.#session(name, peerId, true);
        pairs.push({
          partitionId: name,
          node: peers.self,
          peer: peerId,
          missingOnNode: report.missingHere,
          missingOnPeer: report.missingThere,
        });
      }
    }
    return { pairs };
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    clearInterval(this.#schedule);
    await this.#running;
  }

  /** The first live primary runs a partition's jobs. */
  #leads(partition: string): boolean {
    const { peers, placement } = this.#options;
    return placement.primaries(partition).find((nodeId) => peers.isAlive(nodeId)) === peers.self;
  }

  /** Here or on a live peer: this replica may be the one that lost it. */
  async #exists(partition: string): Promise<boolean> {
    const { peers, store } = this.#options;
    if (store.summary(partition) !== undefined) return true;
    const alive = peers.nodeIds.filter((nodeId) => nodeId !== peers.self && peers.isAlive(nodeId));
    const trees = await Promise.all(
      alive.map((nodeId) => peers.connectionTo(nodeId).call.peer.tree.query({ partition, reach: 0 })),
    );
    return trees.some(({ known }) => known);
  }

  #ownPartitions(): string[] {
    return this.#options.store
      .partitions()
      .map((summary) => summary.partition)
      .filter((partition) => this.#leads(partition));
  }

  #pump(): void {
    if (this.#closed || this.#paused || this.#running !== undefined) return;
    const job = nextJob(this.#runnable(), Date.now());
    if (job === undefined) return;
    this.#running = this.#run(job)
      .catch((error: unknown) =>
        this.#options.log.warn('an anti-entropy job could not be recorded', { job: job.id, error }),
      )
      .finally(() => {
        this.#running = undefined;
        this.#pump();
      });
  }

  async #run(waiting: Job): Promise<void> {
    const job = jobStarted(waiting, Date.now());
    const startedMs = performance.now();
    const seconds = () => (performance.now() - startedMs) / 1000;
    await this.#save(job);
    try {
      const progress = await this.#reconcile(job);
      await this.#save(jobCompleted(job, progress, Date.now()));
      this.#options.metrics.jobEnded('completed', seconds());
      this.#options.metrics.repaired(progress.recordsRepaired, {
        sent: progress.bytesSent,
        received: progress.bytesReceived,
      });
    } catch (thrown) {
      const { message } = toMendlogError(thrown);
      this.#options.log.warn('an anti-entropy job failed', {
        job: job.id,
        partition: job.partition,
        error: message,
      });
      this.#options.metrics.jobEnded('failed', seconds());
      await this.#save(jobFailed(job, { error: message, jitter: Math.random() }, Date.now()));
    }
    await this.#forgetOldest();
  }

  async #reconcile(job: Job): Promise<JobProgress> {
    const total = { recordsCompared: 0, recordsRepaired: 0, bytesSent: 0, bytesReceived: 0 };
    for (let visit = 0; visit < VISITS_MAX; visit++) {
      let moved = 0;
      for (const peerId of job.nodes.slice(1)) {
        const report = await this.#session(job.partition, peerId, false);
        moved += report.missingHere + report.missingThere;
        total.recordsCompared += report.recordsCompared;
        total.bytesSent += report.bytesSent;
        total.bytesReceived += report.bytesReceived;
      }
      total.recordsRepaired += moved;
      if (moved === 0) break;
    }
    return total;
  }

  async #session(partition: string, peerId: string, preview: boolean): Promise<SessionReport> {
    const { kernel, peers, store } = this.#options;
    this.#options.metrics.compared();
    const sides = { kernel, store, peer: peers.connectionTo(peerId) };
    return await answerOf(runSession(sides, partition, { preview }));
  }

  async #save(job: Job): Promise<void> {
    await this.#options.store.putJob(job);
    this.#jobs.set(job.id, job);
  }

  async #forgetOldest(): Promise<void> {
    const finished = this.#newestFirst().filter(({ finishedAtMs }) => finishedAtMs !== undefined);
    const ids = finished.slice(FINISHED_JOBS_KEPT_MAX).map(({ id }) => id);
    if (ids.length === 0) return;
    await this.#options.store.deleteJobs(ids);
    for (const id of ids) this.#jobs.delete(id);
  }

  /** What was asked for by hand is tried, and says why it fails; everything else waits for its nodes. */
  #runnable(): Job[] {
    return [...this.#jobs.values()].filter(
      (job) => job.reason === 'manual' || this.#deadNodes(job).length === 0,
    );
  }

  #deadNodes(job: Job): string[] {
    return job.nodes.filter((nodeId) => !this.#options.peers.isAlive(nodeId));
  }

  /**
   * The scheduled comparison: all roots of a live peer in one message (or a few), and a job for each partition
   * that this node leads and whose roots differ. Equal partitions cost nothing more.
   */
  async #scheduled(): Promise<void> {
    const { log, peers, placement, store } = this.#options;
    if (this.#paused) return;
    for (const peerId of peers.nodeIds) {
      if (peerId === peers.self || !peers.isAlive(peerId)) continue;
      try {
        const theirs = await this.#rootsOf(peerId);
        const names = new Set([...theirs.keys(), ...store.partitions().map(({ partition }) => partition)]);
        for (const partition of names) {
          if (!this.#leads(partition) || !placement.primaries(partition).includes(peerId)) continue;
          this.#options.metrics.compared();
          const here = store.summary(partition)?.root ?? EMPTY_ROW;
          if (Buffer.compare(here, theirs.get(partition) ?? EMPTY_ROW) !== 0)
            await this.queue(partition, 'scheduled');
        }
      } catch (thrown) {
        log.warn('a scheduled comparison failed', { peer: peerId, error: toMendlogError(thrown).message });
      }
    }
  }

  async #rootsOf(peerId: string): Promise<Map<string, Uint8Array>> {
    const all = new Map<string, Uint8Array>();
    for (let after = ''; ; ) {
      const { call } = this.#options.peers.connectionTo(peerId);
      const { roots } = await call.peer.roots.query({ after, limit: ROOTS_PER_PAGE });
      for (const { partition, root } of roots) all.set(partition, root);
      const last = roots.at(-1)?.partition;
      // Names ascend, so that the pages of a peer that repeats itself end as well.
      if (last === undefined || last <= after || roots.length < ROOTS_PER_PAGE) return all;
      after = last;
    }
  }

  #newestFirst(): Job[] {
    return [...this.#jobs.values()].sort((a, b) => b.createdAtMs - a.createdAtMs || (a.id < b.id ? 1 : -1));
  }

  #waitingFor(job: Job): string | null {
    if (job.status !== 'PENDING') return null;
    if (this.#paused) return 'resume: anti-entropy is paused';
    const dead = this.#deadNodes(job);
    if (dead.length > 0 && job.reason !== 'manual') return `${dead.join(', ')} to be alive`;
    if (job.notBeforeMs > Date.now()) return `the next attempt at ${new Date(job.notBeforeMs).toISOString()}`;
    return this.#running === undefined ? 'its turn' : 'the job that is running';
  }
}
