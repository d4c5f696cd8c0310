/**
 * The anti-entropy coordinator of a node: keeps jobs, runs one at a time, and answers for them.
 *
 * A job compares one partition between this node and each live peer that holds it. Peers are visited
 * again while a visit changed anything, so that what one peer lacked and another held reaches all. A
 * peer that is down keeps nobody from the others: the job then waits for it alone, or fails, where it
 * was asked for by hand. Jobs are stored before they run and survive a restart.
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
  jobLeft,
  jobStarted,
  MendlogError,
  newJob,
  nextJob,
  type SideSummary,
  type Store,
  sidesAreEqual,
  toMendlogError,
} from '@mendlog/core';
import type { JobOptions, Jobs, JobsQuery, Preview, Trigger } from '../api/service.js';
import type { Log } from '../log.js';
import { answerOf } from '../membership/answer-of.js';
import type { Peers } from '../membership/peers.js';
import type { Placement } from '../membership/placement.js';
import type { Metrics } from '../metrics/metrics.js';
import { jobCursor, jobJson } from './job-json.js';
import { EMPTY_SIDE, runSession, type SessionReport, sideSummary } from './run-session.js';
import { sidesOf } from './watermark-sync.js';

export interface AntiEntropyOptions {
  readonly store: Store;
  readonly kernel: DigestKernel;
  readonly peers: Peers;
  readonly placement: Placement;
  readonly metrics: Metrics;
  readonly log: Log;
  /** This node has more to do than it can: jobs wait. */
  readonly isBusy: () => boolean;
  /** Between two scheduled comparisons of all partitions; 0 for never. */
  readonly intervalMs: number;
  /** Whether there is such a partition anywhere. */
  readonly isKnown: (partition: string) => Promise<boolean>;
  /** Called when a session begins; what it returns is called when that ends well. */
  readonly sessionBegins: () => (partition: string, nodeId: string, report: SessionReport) => void;
}

const FINISHED_JOBS_KEPT_MAX = 1000;
const UNRECORDED_PAUSE_MS = 5000;
const PENDING_JOBS_MAX = 10_000;
const VISITS_MAX = 3;
const TICK_MS = 500;

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

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
    const leader = peers.firstAlive(placement.primaries(partition));
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
      const records = this.#options.store.summary(partitionId)?.records ?? 0;
      if (records === 0 && !(await this.#options.isKnown(partitionId)))
        throw new MendlogError('NOT_FOUND', `there is no partition ${partitionId}`);
      return [await this.queueAtLeader(partitionId, 'manual', { nodes, priority })];
    }
    const ids: string[] = [];
    for (const partition of this.#ownPartitions()) {
      if (nodes === undefined || this.#othersOf(partition).some((nodeId) => nodes.includes(nodeId)))
        ids.push(await this.queue(partition, 'manual', { nodes, priority }));
    }
    return ids;
  }

  /** A partition that already waits with the same reason is not queued twice. */
  async queue(partition: string, reason: JobReason, options: JobOptions = {}): Promise<string> {
    const waiting = [...this.#jobs.values()].filter(({ status }) => status === 'PENDING');
    const self = this.#options.peers.self;
    const chosen = this.#othersOf(partition).filter((nodeId) => options.nodes?.includes(nodeId) ?? true);
    if (chosen.length === 0 && options.nodes !== undefined) {
      throw new MendlogError(
        'BAD_REQUEST',
        `${options.nodes.join(', ')}: name a replica of ${partition} beside ${self}, which compares them`,
      );
    }
    const alike = waiting.filter((job) => job.partition === partition && job.reason === reason);
    // One that waits already does as well, unless it would do less, or later.
    const same = alike.find(
      ({ left, priority }) =>
        priority >= (options.priority ?? 0) && chosen.every((nodeId) => left.includes(nodeId)),
    );
    if (same !== undefined) return same.id;
    // What nobody asked for by its id is one job a partition and reason: it may wait for a dead node for
    // days, and is to compare with the others again meanwhile.
    const [narrower] = alike;
    if (narrower !== undefined && reason !== 'manual') {
      const left = [...new Set([...narrower.left, ...chosen])];
      await this.#save({ ...narrower, left, priority: Math.max(narrower.priority, options.priority ?? 0) });
      this.#pump();
      return narrower.id;
    }
    if (waiting.length >= PENDING_JOBS_MAX)
      throw new MendlogError('OVERLOADED', 'too many anti-entropy jobs are waiting');
    const nodes = [self, ...chosen];
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
      // A watermark is kept of partitions that are not placed here.
      if (!placement.primaries(name).includes(peers.self)) continue;
      for (const peerId of this.#othersOf(name)) {
        if (!peers.isAlive(peerId)) continue;
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

  /** One session now, beside the jobs. Rejects as runSession(), and with OVERLOADED while sessions are paused. */
  async compareNow(partition: string, peerId: string): Promise<void> {
    if (this.#paused) throw new MendlogError('OVERLOADED', 'anti-entropy is paused');
    const { recordsCompared: _, ...report } = await this.#session(partition, peerId, false);
    this.#options.metrics.repaired(report.missingHere + report.missingThere, {
      sent: report.bytesSent,
      received: report.bytesReceived,
    });
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
    return peers.firstAlive(placement.primaries(partition)) === peers.self;
  }

  /** The replicas that this node compares a partition with. */
  #othersOf(partition: string): string[] {
    const { peers, placement } = this.#options;
    return placement.primaries(partition).filter((nodeId) => nodeId !== peers.self);
  }

  #ownPartitions(): string[] {
    return this.#options.store
      .partitions()
      .map((summary) => summary.partition)
      .filter((partition) => this.#leads(partition));
  }

  #pump(): void {
    if (this.#closed || this.#paused || this.#running !== undefined || this.#options.isBusy()) return;
    const job = nextJob(this.#runnable(), Date.now());
    if (job === undefined) return;
    this.#running = this.#run(job)
      .catch((error: unknown) => {
        this.#options.log.warn('an anti-entropy job could not be recorded', { job: job.id, error });
        // A full disk, most likely: it is tried again, but not at once.
        const kept = { ...(this.#jobs.get(job.id) ?? job), status: 'PENDING' as const };
        this.#jobs.set(job.id, { ...kept, notBeforeMs: Date.now() + UNRECORDED_PAUSE_MS });
      })
      .finally(() => {
        this.#running = undefined;
        this.#pump();
      });
  }

  async #run(waiting: Job): Promise<void> {
    const job = jobStarted(waiting, Date.now());
    const startedMs = performance.now();
    const progress = { recordsCompared: 0, recordsRepaired: 0, bytesSent: 0, bytesReceived: 0 };
    const { log, metrics } = this.#options;
    await this.#save(job);
    try {
      const dead = await this.#reconcile(job, progress);
      if (dead.length > 0 && job.reason === 'manual')
        throw new MendlogError('UNREACHABLE', `${dead.join(', ')} cannot be reached`);
      const ended = dead.length > 0 ? jobLeft(job, progress, dead) : jobCompleted(job, progress, Date.now());
      await this.#save(ended);
      if (dead.length === 0) metrics.jobEnded('completed', (performance.now() - startedMs) / 1000);
    } catch (thrown) {
      const { message } = toMendlogError(thrown);
      log.warn('an anti-entropy job failed', { job: job.id, partition: job.partition, error: message });
      metrics.jobEnded('failed', (performance.now() - startedMs) / 1000);
      const failure = { error: message, jitter: Math.random(), progress };
      await this.#save(jobFailed(job, failure, Date.now()));
    }
    metrics.repaired(progress.recordsRepaired, {
      sent: progress.bytesSent,
      received: progress.bytesReceived,
    });
    await this.#forgetOldest();
  }

  /** Compares with those that are alive; what is done counts in `progress`, also where it ends early. Returns the dead. */
  async #reconcile(job: Job, progress: Writable<JobProgress>): Promise<string[]> {
    const dead = job.left.filter((nodeId) => !this.#options.peers.isAlive(nodeId));
    const alive = job.left.filter((nodeId) => !dead.includes(nodeId));
    const failures = new Map<string, MendlogError>();
    for (let visit = 0; visit < VISITS_MAX; visit++) {
      let moved = 0;
      for (const peerId of alive) {
        if (failures.has(peerId)) continue;
        const report = await this.#session(job.partition, peerId, false).catch((thrown: unknown) => {
          failures.set(peerId, toMendlogError(thrown));
        });
        if (report === undefined) continue;
        moved += report.missingHere + report.missingThere;
        progress.recordsCompared += report.recordsCompared;
        progress.bytesSent += report.bytesSent;
        progress.bytesReceived += report.bytesReceived;
        progress.recordsRepaired += report.missingHere + report.missingThere;
      }
      if (moved === 0) break;
    }
    // After the others, which it keeps from nothing.
    for (const failure of failures.values()) throw failure;
    return dead;
  }

  async #session(partition: string, peerId: string, preview: boolean): Promise<SessionReport> {
    const { kernel, peers, store } = this.#options;
    this.#options.metrics.compared();
    const sides = { kernel, store, peer: peers.connectionTo(peerId) };
    const ended = this.#options.sessionBegins();
    const report = await answerOf(runSession(sides, partition, { preview }));
    ended(partition, peerId, report);
    return report;
  }

  /** At hand first, so that whoever looks meanwhile decides by it; then flushed, or as it was before. */
  async #save(job: Job): Promise<void> {
    const before = this.#jobs.get(job.id);
    this.#jobs.set(job.id, job);
    try {
      await this.#options.store.putJob(job);
    } catch (error) {
      if (before === undefined) this.#jobs.delete(job.id);
      else this.#jobs.set(job.id, before);
      throw error;
    }
  }

  async #forgetOldest(): Promise<void> {
    const finished = this.#newestFirst().filter(({ finishedAtMs }) => finishedAtMs !== undefined);
    const ids = finished.slice(FINISHED_JOBS_KEPT_MAX).map(({ id }) => id);
    if (ids.length === 0) return;
    await this.#options.store.deleteJobs(ids);
    for (const id of ids) this.#jobs.delete(id);
  }

  /** What was asked for by hand is tried, and says why it fails; everything else waits for a node of its. */
  #runnable(): Job[] {
    return [...this.#jobs.values()].filter(
      ({ left, reason }) =>
        reason === 'manual' ||
        left.length === 0 ||
        left.some((nodeId) => this.#options.peers.isAlive(nodeId)),
    );
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
        const theirs = new Map<string, SideSummary>();
        for await (const [partition, side] of sidesOf(peers, peerId)) theirs.set(partition, side);
        const names = new Set([...theirs.keys(), ...store.partitions().map(({ partition }) => partition)]);
        for (const partition of names) {
          if (!this.#leads(partition) || !placement.primaries(partition).includes(peerId)) continue;
          this.#options.metrics.compared();
          const here = sideSummary(store, partition);
          const there = theirs.get(partition) ?? EMPTY_SIDE;
          if (!sidesAreEqual(here, there)) await this.queue(partition, 'scheduled');
        }
      } catch (thrown) {
        log.warn('a scheduled comparison failed', { peer: peerId, error: toMendlogError(thrown).message });
      }
    }
  }

  #newestFirst(): Job[] {
    return [...this.#jobs.values()].sort((a, b) => b.createdAtMs - a.createdAtMs || (a.id < b.id ? 1 : -1));
  }

  #waitingFor(job: Job): string | null {
    if (job.status !== 'PENDING') return null;
    if (this.#paused) return 'resume: anti-entropy is paused';
    const isAnyAlive = job.left.some((nodeId) => this.#options.peers.isAlive(nodeId));
    if (!isAnyAlive && job.reason !== 'manual' && job.left.length > 0)
      return `${job.left.join(', ')} to be alive`;
    if (job.notBeforeMs > Date.now()) return `the next attempt at ${new Date(job.notBeforeMs).toISOString()}`;
    return this.#running === undefined ? 'its turn' : 'the job that is running';
  }
}
