/**
 * Anti-entropy jobs: what is to be compared, why, and what became of it. Pure.
 *
 *   PENDING --taken--> RUNNING --done--> COMPLETED
 *      ^                  |----done with those that are alive, the others left----> PENDING
 *      |                  |----failed, attempts left, after a backoff----> PENDING
 *      |                  |----failed for the last time----> FAILED
 *      '--cancelled--> CANCELLED
 *
 * A job compares the executing node with each of its other nodes. One that is down does not keep it
 * from the others: they are compared, and the job waits for what is left.
 */
import type { IndexRange } from '../digest/layout.js';

export const JOB_STATUSES = ['PENDING', 'RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED'] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];

export const JOB_REASONS = ['new-store', 'manual', 'hint-lost', 'divergence', 'scheduled'] as const;
export type JobReason = (typeof JOB_REASONS)[number];

/** Jobs with a higher number go first. */
export const JOB_PRIORITIES: Readonly<Record<JobReason, number>> = {
  'new-store': 200,
  manual: 100,
  'hint-lost': 50,
  divergence: 30,
  scheduled: 10,
};

export interface Job {
  readonly id: string;
  readonly partition: string;
  /** The replicas that are compared, the executing one first. */
  readonly nodes: readonly string[];
  /** Of them, those that are still to be compared with the executing one. */
  readonly left: readonly string[];
  readonly reason: JobReason;
  readonly priority: number;
  readonly status: JobStatus;
  /** Attempts that have begun. */
  readonly attempts: number;
  readonly createdAtMs: number;
  readonly startedAtMs?: number;
  readonly finishedAtMs?: number;
  /** A failed attempt is made again no earlier than this. */
  readonly notBeforeMs: number;
  readonly recordsCompared: number;
  readonly recordsRepaired: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly error?: string;
}

export interface JobProgress {
  readonly recordsCompared: number;
  readonly recordsRepaired: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

/** What a job found out, once it is done. */
export interface JobFindings extends JobProgress {
  readonly equal: boolean;
  readonly differences: readonly IndexRange[];
}

export const JOB_POLICY = { attemptsMax: 3, backoffMs: 1000, backoffMaxMs: 60_000 } as const;

export function newJob(
  job: Pick<Job, 'id' | 'partition' | 'nodes' | 'reason'> & { priority?: number | undefined },
  nowMs: number,
): Job {
  return {
    id: job.id,
    partition: job.partition,
    nodes: job.nodes,
    left: job.nodes.slice(1),
    reason: job.reason,
    priority: job.priority ?? JOB_PRIORITIES[job.reason],
    status: 'PENDING',
    attempts: 0,
    createdAtMs: nowMs,
    notBeforeMs: nowMs,
    recordsCompared: 0,
    recordsRepaired: 0,
    bytesSent: 0,
    bytesReceived: 0,
  };
}

/** The job to run next: due, of the highest priority, then the oldest. */
export function nextJob(jobs: Iterable<Job>, nowMs: number): Job | undefined {
  let best: Job | undefined;
  for (const job of jobs) {
    if (job.status !== 'PENDING' || job.notBeforeMs > nowMs) continue;
    if (
      best === undefined ||
      job.priority > best.priority ||
      (job.priority === best.priority && job.createdAtMs < best.createdAtMs)
    ) {
      best = job;
    }
  }
  return best;
}

export function jobStarted(job: Job, nowMs: number): Job {
  return { ...job, status: 'RUNNING', attempts: job.attempts + 1, startedAtMs: nowMs };
}

export function jobCompleted(job: Job, progress: JobProgress, nowMs: number): Job {
  const { error: _resolved, ...rest } = job;
  return { ...rest, ...added(job, progress), left: [], status: 'COMPLETED', finishedAtMs: nowMs };
}

/** Those that were alive are compared; the job waits for the others, and that attempt does not count. */
export function jobLeft(job: Job, progress: JobProgress, left: readonly string[]): Job {
  const { error: _resolved, ...rest } = job;
  return { ...rest, ...added(job, progress), left, status: 'PENDING', attempts: job.attempts - 1 };
}

/** After a failed attempt: waits for the next one, or has failed. `jitter` is a random number from 0 up to 1. */
export function jobFailed(
  before: Job,
  failure: { readonly error: string; readonly jitter: number; readonly progress: JobProgress },
  nowMs: number,
): Job {
  const job = { ...before, ...added(before, failure.progress) };
  if (job.attempts >= JOB_POLICY.attemptsMax) {
    return { ...job, status: 'FAILED', error: failure.error, finishedAtMs: nowMs };
  }
  const fullMs = Math.min(JOB_POLICY.backoffMs * 2 ** (job.attempts - 1), JOB_POLICY.backoffMaxMs);
  const notBeforeMs = nowMs + Math.round(fullMs * (0.5 + failure.jitter / 2));
  return { ...job, status: 'PENDING', error: failure.error, notBeforeMs };
}

/** A job that was running when its node stopped begins anew; the attempt that was cut off counts. */
export function jobAfterRestart(job: Job): Job {
  return job.status === 'RUNNING' ? { ...job, status: 'PENDING' } : job;
}

export function jobCancelled(job: Job, nowMs: number): Job {
  return { ...job, status: 'CANCELLED', finishedAtMs: nowMs };
}

/** What all attempts did together. */
function added(job: JobProgress, attempt: JobProgress): JobProgress {
  return {
    recordsCompared: job.recordsCompared + attempt.recordsCompared,
    recordsRepaired: job.recordsRepaired + attempt.recordsRepaired,
    bytesSent: job.bytesSent + attempt.bytesSent,
    bytesReceived: job.bytesReceived + attempt.bytesReceived,
  };
}
