import { describe, expect, test } from 'vitest';
import {
  JOB_POLICY,
  JOB_PRIORITIES,
  type Job,
  jobAfterRestart,
  jobCancelled,
  jobCompleted,
  jobFailed,
  jobLeft,
  jobStarted,
  newJob,
  nextJob,
} from '../src/anti-entropy/job.js';

const job = (id: string, changes: Partial<Job> = {}): Job => ({
  ...newJob({ id, partition: 'orders', nodes: ['n1', 'n2'], reason: 'scheduled' }, 100),
  ...changes,
});
const NOTHING = { recordsCompared: 0, recordsRepaired: 0, bytesSent: 0, bytesReceived: 0 };
const PROGRESS = { recordsCompared: 10, recordsRepaired: 2, bytesSent: 30, bytesReceived: 40 };

describe('job: which is next', () => {
  test('job: the reason gives the priority unless one is given', () => {
    const made = (priority?: number) =>
      newJob({ id: 'a', partition: 'p', nodes: [], reason: 'hint-lost', priority }, 1).priority;
    expect(made()).toBe(JOB_PRIORITIES['hint-lost']);
    expect(made(0)).toBe(0);
    expect(JOB_PRIORITIES.manual).toBeGreaterThan(JOB_PRIORITIES['hint-lost']);
    expect(JOB_PRIORITIES.divergence).toBeGreaterThan(JOB_PRIORITIES.scheduled);
  });

  test('job: the highest priority goes first, then the oldest', () => {
    const low = job('low', { priority: 1, createdAtMs: 1 });
    const high = job('high', { priority: 9, createdAtMs: 50 });
    const older = job('older', { priority: 9, createdAtMs: 40 });
    expect(nextJob([low, high, older], 1000)?.id).toBe('older');
    expect(nextJob([low, high], 1000)?.id).toBe('high');
    expect(nextJob([], 1000)).toBeUndefined();
  });

  test('job: only what is pending and due is next', () => {
    const others = (['RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED'] as const).map((status) =>
      job(status, { status }),
    );
    const later = job('later', { notBeforeMs: 2000, priority: 99 });
    expect(nextJob([...others, later], 1999)).toBeUndefined();
    expect(nextJob([...others, later], 2000)).toBe(later);
    expect(nextJob([later, job('now')], 1999)?.id).toBe('now');
  });
});

describe('job: what becomes of it', () => {
  test('job: it starts, completes, and keeps what it found', () => {
    const started = jobStarted(job('a'), 200);
    expect(started).toMatchObject({ status: 'RUNNING', attempts: 1, startedAtMs: 200 });
    expect(jobCompleted(started, PROGRESS, 300)).toMatchObject({
      status: 'COMPLETED',
      finishedAtMs: 300,
      ...PROGRESS,
    });
  });

  test('job: it is tried again after a growing wait, then has failed (jitter=0, 1)', () => {
    const waits = [0, 1].map((jitter) => {
      let attempt = job('a');
      return Array.from({ length: JOB_POLICY.attemptsMax }, () => {
        attempt = jobFailed(
          jobStarted(attempt, 1000),
          { error: 'no route', jitter, progress: NOTHING },
          1000,
        );
        expect(attempt.error).toBe('no route');
        return attempt.status === 'PENDING'
          ? attempt.notBeforeMs - 1000
          : [attempt.status, attempt.finishedAtMs];
      });
    });
    expect(waits).toEqual([
      [500, 1000, ['FAILED', 1000]],
      [1000, 2000, ['FAILED', 1000]],
    ]);
  });

  test('job: with some nodes down it waits for them alone, and that attempt does not count', () => {
    const started = jobStarted(job('a', { nodes: ['n1', 'n2', 'n3'], left: ['n2', 'n3'] }), 200);
    const waiting = jobLeft(started, PROGRESS, ['n3']);
    expect(waiting).toMatchObject({ status: 'PENDING', attempts: 0, left: ['n3'], ...PROGRESS });
    const done = jobCompleted(jobStarted(waiting, 300), PROGRESS, 400);
    expect(done).toMatchObject({
      status: 'COMPLETED',
      nodes: ['n1', 'n2', 'n3'],
      left: [],
      recordsRepaired: 4,
    });
  });

  test('job: what failed attempts did counts as well', () => {
    let current = job('a');
    for (let i = 0; i < JOB_POLICY.attemptsMax; i++) {
      current = jobFailed(jobStarted(current, 1), { error: 'cut off', jitter: 0, progress: PROGRESS }, 2);
    }
    expect(current).toMatchObject({ status: 'FAILED', recordsRepaired: 6, bytesReceived: 120 });
  });

  test('job: success after a failure leaves no error', () => {
    const failed = jobFailed(jobStarted(job('a'), 1), { error: 'no route', jitter: 0, progress: NOTHING }, 2);
    const completed = jobCompleted(jobStarted(failed, 3000), PROGRESS, 3100);
    expect(completed).not.toHaveProperty('error');
    expect(completed.attempts).toBe(2);
  });

  test('job: after a restart what was running is pending, and all else as it was', () => {
    const running = jobStarted(job('a'), 200);
    expect(jobAfterRestart(running)).toMatchObject({ status: 'PENDING', attempts: 1 });
    for (const other of [job('b'), jobCompleted(running, PROGRESS, 3), jobCancelled(job('c'), 4)]) {
      expect(jobAfterRestart(other)).toBe(other);
    }
  });

  test('job: a job that is cut off again and again fails in the end', () => {
    let current = job('a');
    for (let i = 0; i < JOB_POLICY.attemptsMax; i++) current = jobAfterRestart(jobStarted(current, 1));
    expect(
      jobFailed(jobStarted(current, 1), { error: 'again', jitter: 0, progress: NOTHING }, 2).status,
    ).toBe('FAILED');
  });

  test('job: cancelled, it is over', () => {
    expect(jobCancelled(job('a'), 500)).toMatchObject({ status: 'CANCELLED', finishedAtMs: 500 });
  });
});
