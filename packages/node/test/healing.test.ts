// Hints and anti-entropy jobs when things go wrong: expiry, failed attempts, restarts, schedule, priorities.
import { LIMITS, preferenceList } from '@mendlog/core';
import type { Jobs, Service } from '@mendlog/node';
import { describe, expect, test } from 'vitest';
import { eventually } from './eventually.js';
import { draftsOf, frame, groupOf } from './records.js';
import { TestCluster } from './test-cluster.js';

type Job = Jobs['jobs'][number];

/** A partition whose first primary is this node: while all are alive it coordinates and runs the jobs. */
function partitionOf(id: string, prefix = 'orders'): string {
  for (let i = 0; ; i++) {
    const name = `${prefix}-${i}`;
    if (preferenceList(name, ['n1', 'n2', 'n3'], 3).primaries[0] === id) return name;
  }
}

async function append(service: Service, partition: string): Promise<void> {
  const [outcome] = await service.write([draftsOf(partition, [Buffer.from('x')])], { level: 'ONE' });
  if (outcome?.ok !== true) throw new Error(`not acknowledged: ${JSON.stringify(outcome)}`);
}

async function jobsOf(service: Service, holds: (jobs: Job[]) => boolean): Promise<Job[]> {
  return await eventually(
    { for: 'the jobs', deadlineMs: 30_000 },
    async () => (await service.jobs({ limit: 100 })).jobs,
    holds,
  );
}

const statsOf = async (cluster: TestCluster, id: string) => await cluster.node(id).service.hintStats();

describe('hints', () => {
  test('hints: what expires leaves a job that waits for the target and brings the record', async () => {
    await using cluster = await TestCluster.start(3, { hints: { expiryMs: 200 } });
    const partition = partitionOf('n1');
    await cluster.stop('n3');
    await append(cluster.node('n1').service, partition);
    const stats = await eventually(
      { for: 'the hint to expire' },
      () => statsOf(cluster, 'n1'),
      ({ expired }) => expired === 1,
    );
    expect(stats).toMatchObject({ pending: 0, stored: 1, replayed: 0, failed: 0, oldestAgeMs: null });
    // n2 is compared meanwhile; only what is left waits.
    const [job] = await jobsOf(
      cluster.node('n1').service,
      ([first]) => first?.waitingFor === 'n3 to be alive',
    );
    expect(job).toMatchObject({ reason: 'hint-lost', status: 'PENDING', attempts: 0 });
    // What expires later is the same job's, however long it waits.
    await append(cluster.node('n1').service, partition);
    await eventually(
      { for: 'the second hint to expire' },
      () => statsOf(cluster, 'n1'),
      ({ expired }) => expired === 2,
    );
    const [only, ...more] = await jobsOf(
      cluster.node('n1').service,
      ([first]) => first?.waitingFor === 'n3 to be alive',
    );
    expect({ id: only?.id, more }).toEqual({ id: job?.id, more: [] });
    await cluster.start('n3');
    const [done] = await jobsOf(cluster.node('n1').service, (jobs) => jobs[0]?.status === 'COMPLETED');
    expect(done?.recordsRepaired).toBeGreaterThanOrEqual(1);
    await cluster.converged();
  });

  test('hints: a batch that a live target refuses is tried three times, then its partition is repaired by a job, which says why it fails', async () => {
    await using cluster = await TestCluster.start(3, { hints: { backoffMs: 20, attemptsMax: 3 } });
    const partition = partitionOf('n1');
    // So far ahead of what n2 and n3 have seen that they refuse whatever n1 adds.
    await cluster.storeOnlyOn('n1', [groupOf(partition, [frame(LIMITS.counterJumpMax)])]);
    await append(cluster.node('n1').service, partition);
    const stats = await eventually(
      { for: 'the hints to fail' },
      () => statsOf(cluster, 'n1'),
      ({ failed }) => failed === 2,
    );
    expect(stats).toMatchObject({ pending: 0, stored: 2, replayed: 0, expired: 0 });
    const [job] = await jobsOf(cluster.node('n1').service, (jobs) => jobs[0]?.status === 'FAILED');
    expect(job).toMatchObject({ reason: 'hint-lost', attempts: 3, waitingFor: null });
    expect(job?.error).toMatch(/too far ahead/);
    expect(job?.finishedAt).not.toBeNull();
  }, 40_000);
});

describe('anti-entropy', () => {
  test('anti-entropy: the schedule finds what differs and leaves equal partitions alone', async () => {
    await using cluster = await TestCluster.start(3, { reconciliation: { intervalMs: 100 } });
    const [equal, different] = [partitionOf('n2'), partitionOf('n1')];
    // While the replicas are made, they are not yet what the schedule is to see.
    for (const service of cluster.services) await service.setPaused(true);
    for (const id of cluster.ids) await cluster.storeOnlyOn(id, [groupOf(equal, [frame(1)])]);
    await cluster.storeOnlyOn('n3', [groupOf(different, [frame(1, 'only here')])]);
    for (const service of cluster.services) await service.setPaused(false);
    await cluster.converged();
    const jobs = await jobsOf(cluster.node('n1').service, ([job]) => job?.status === 'COMPLETED');
    expect(jobs.every(({ reason, partitionId }) => reason === 'scheduled' && partitionId === different)).toBe(
      true,
    );
    expect((await cluster.node('n2').service.jobs({ limit: 10 })).jobs).toEqual([]);
  });

  test('anti-entropy: jobs survive a restart, and one that was waiting is done after it', async () => {
    await using cluster = await TestCluster.start(3, { reconciliation: { intervalMs: 0 } });
    const partition = partitionOf('n1');
    await cluster.storeOnlyOn('n2', [groupOf(partition, [frame(1)])]);
    await cluster.node('n1').service.setPaused(true);
    const [id] = await cluster.node('n1').service.trigger({ partitionId: partition });
    const [waiting] = await jobsOf(cluster.node('n1').service, (jobs) => jobs.length === 1);
    expect(waiting).toMatchObject({ id, status: 'PENDING', waitingFor: 'resume: anti-entropy is paused' });
    await cluster.stop('n1');
    await cluster.start('n1');
    await cluster.allSeen();
    const [done] = await jobsOf(cluster.node('n1').service, ([job]) => job?.status === 'COMPLETED');
    expect(done).toMatchObject({ id, createdAt: waiting?.createdAt, recordsRepaired: expect.any(Number) });
    await cluster.converged();
  });

  test('anti-entropy: of waiting jobs the most urgent runs first, and a cancelled one never', async () => {
    await using cluster = await TestCluster.start(3, { reconciliation: { intervalMs: 0 } });
    const { service } = cluster.node('n1');
    const partitions = ['low', 'high', 'middle', 'cancelled'].map((prefix) => partitionOf('n1', prefix));
    for (const partition of partitions) await cluster.storeOnlyOn('n1', [groupOf(partition, [frame(1)])]);
    await service.setPaused(true);
    const [low, high, middle, cancelled] = partitions;
    const trigger = async (partitionId: string | undefined, priority: number) =>
      (await service.trigger({ partitionId, priority }))[0] ?? '';
    const lowId = await trigger(low, 1);
    const highId = await trigger(high, 900);
    const middleId = await trigger(middle, 500);
    const cancelledId = await trigger(cancelled, 1000);
    await service.cancel(cancelledId);
    await expect(service.cancel(cancelledId)).rejects.toMatchObject({ code: 'JOB_NOT_WAITING' });
    await expect(service.cancel('none')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await service.setPaused(false);
    const jobs = await jobsOf(service, (all) => all.every(({ finishedAt }) => finishedAt !== null));
    const order = jobs
      .filter(({ status }) => status === 'COMPLETED')
      .sort((a, b) => ((a.startedAt ?? '') < (b.startedAt ?? '') ? -1 : 1))
      .map(({ id }) => id);
    expect(order).toEqual([highId, middleId, lowId]);
    expect(jobs.find(({ id }) => id === cancelledId)).toMatchObject({ status: 'CANCELLED', attempts: 0 });
  });

  test('anti-entropy: a node that is down keeps nobody from the others, and its job waits for it alone', async () => {
    await using cluster = await TestCluster.start(3, { reconciliation: { intervalMs: 100 } });
    const partition = partitionOf('n1');
    await cluster.stop('n3');
    // One job is to find all three.
    for (const service of cluster.services) await service.setPaused(true);
    await cluster.storeOnlyOn('n1', [groupOf(partition, [frame(1), frame(2)])]);
    await cluster.storeOnlyOn('n2', [groupOf(partition, [frame(3)])]);
    for (const service of cluster.services) await service.setPaused(false);
    await cluster.converged();
    const [waiting] = await jobsOf(
      cluster.node('n1').service,
      ([job]) => job?.waitingFor === 'n3 to be alive',
    );
    expect(waiting).toMatchObject({
      reason: 'scheduled',
      recordsRepaired: 3,
      nodes: expect.arrayContaining(['n3']),
    });
    await cluster.start('n3');
    await cluster.allSeen();
    await jobsOf(cluster.node('n1').service, (jobs) => jobs.every(({ status }) => status === 'COMPLETED'));
    await cluster.converged();
  });

  test('anti-entropy: what a failed job did is counted, and naming nobody to compare with is refused', async () => {
    await using cluster = await TestCluster.start(3, { reconciliation: { intervalMs: 0 } });
    const partition = partitionOf('n1');
    const { service } = cluster.node('n1');
    await cluster.stop('n3');
    await cluster.storeOnlyOn('n1', [groupOf(partition, [frame(1), frame(2)])]);
    await service.trigger({ partitionId: partition });
    const [job] = await jobsOf(service, ([first]) => first?.status === 'FAILED');
    expect(job).toMatchObject({ recordsRepaired: 2, error: 'n3 cannot be reached' });
    expect(job?.bytesSent).toBeGreaterThan(0);
    await expect(service.trigger({ partitionId: partition, nodes: ['n1'] })).rejects.toMatchObject({
      code: 'BAD_REQUEST',
    });
    // One that compares less, or is less urgent, does not stand for another.
    await service.setPaused(true);
    const ids = [
      await service.trigger({ partitionId: partition, nodes: ['n2'] }),
      await service.trigger({ partitionId: partition }),
      await service.trigger({ partitionId: partition, priority: 500 }),
      await service.trigger({ partitionId: partition, nodes: ['n3'] }),
    ].flat();
    expect(new Set(ids).size).toBe(3);
  }, 40_000);

  test('anti-entropy: a manual job for a dead node fails after three attempts and names it', async () => {
    await using cluster = await TestCluster.start(3, { reconciliation: { intervalMs: 0 } });
    const partition = partitionOf('n1');
    await append(cluster.node('n1').service, partition);
    await cluster.stop('n3');
    await cluster.node('n1').service.trigger({ partitionId: partition, nodes: ['n3'] });
    const jobs = await jobsOf(cluster.node('n1').service, (all) =>
      all.some(({ status }) => status === 'FAILED'),
    );
    expect(jobs.find(({ reason }) => reason === 'manual')).toMatchObject({
      status: 'FAILED',
      attempts: 3,
      nodes: ['n1', 'n3'],
      error: expect.stringContaining('n3'),
    });
  }, 40_000);

  test('anti-entropy: pages of jobs go on after the last one, newest first', async () => {
    await using cluster = await TestCluster.start(1, { reconciliation: { intervalMs: 0 } });
    const { service } = cluster.node('n1');
    await service.setPaused(true);
    for (let i = 0; i < 7; i++) {
      await append(service, `p${i}`);
      await service.trigger({ partitionId: `p${i}` });
    }
    const seen: string[] = [];
    for (let cursor: string | undefined; ; ) {
      const page = await service.jobs({ limit: 3, cursor, status: 'PENDING' });
      seen.push(...page.jobs.map(({ partitionId }) => partitionId));
      if (page.next === undefined) break;
      cursor = page.next;
    }
    expect(seen).toHaveLength(7);
    expect(new Set(seen).size).toBe(7);
    const all = (await service.jobs({ limit: 100 })).jobs;
    expect(all.map(({ createdAt }) => createdAt)).toEqual(
      all
        .map(({ createdAt }) => createdAt)
        .sort()
        .reverse(),
    );
    expect((await service.jobs({ limit: 100, status: 'FAILED' })).jobs).toEqual([]);
  });
});

describe('merkle', () => {
  test('merkle: a tree is kept until its partition changes, and its shape is the configured one', async () => {
    await using cluster = await TestCluster.start(3, { merkle: { depth: 6, segmentSize: 500 } });
    const { service } = cluster.node('n1');
    for (const id of cluster.ids) await cluster.storeOnlyOn(id, [groupOf('orders', [frame(1)])]);
    const built = await service.merkleBuild('orders', 'http://n2:1');
    expect(built).toMatchObject({
      node: 'n2',
      depth: 6,
      segmentSize: 500,
      leafCount: 64,
      recordCount: 1,
      cached: false,
    });
    expect(await service.merkleBuild('orders', cluster.urlOf('n2'))).toMatchObject({
      cached: true,
      rootHash: built.rootHash,
    });
    await cluster.storeOnlyOn('n2', [groupOf('orders', [frame(2)])]);
    const changed = await service.merkleBuild('orders', 'n2');
    expect(changed.cached).toBe(false);
    expect(changed.rootHash).not.toBe(built.rootHash);
    expect((await service.merkleBuild('orders', 'n3')).rootHash).toBe(built.rootHash);
  });

  test('merkle: a comparison names the ranges and counts both sides', async () => {
    await using cluster = await TestCluster.start(3, { reconciliation: { intervalMs: 0 } });
    const { service } = cluster.node('n3');
    for (const id of ['n1', 'n2']) await cluster.storeOnlyOn(id, [groupOf('orders', [frame(1), frame(2)])]);
    expect(await service.merkleCompare('orders', 'n1', 'n2')).toMatchObject({
      consistent: true,
      differences: [],
    });
    await cluster.storeOnlyOn('n1', [groupOf('orders', [frame(300), frame(301)])]);
    await cluster.storeOnlyOn('n2', [groupOf('orders', [frame(900)])]);
    const comparison = await service.merkleCompare('orders', 'n1', 'n2');
    expect(comparison).toMatchObject({
      consistent: false,
      differences: [
        { from: 250, to: 499 },
        { from: 750, to: 999 },
      ],
      missingOnNode1: 1,
      missingOnNode2: 2,
    });
    expect(comparison.root1).not.toBe(comparison.root2);
    expect(comparison.bytesExchanged).toBeGreaterThan(0);
  });

  test('merkle: unknown nodes and partitions are NOT_FOUND, a dead node UNREACHABLE', async () => {
    await using cluster = await TestCluster.start();
    const { service } = cluster.node('n1');
    await append(service, 'orders');
    const refusals: [() => Promise<unknown>, string][] = [
      [() => service.merkleBuild('orders', 'http://nowhere:1'), 'NOT_FOUND'],
      [() => service.merkleBuild('none', 'n1'), 'NOT_FOUND'],
      [() => service.merkleBuild('none', 'n2'), 'NOT_FOUND'],
      [() => service.merkleCompare('none', 'n1', 'n2'), 'NOT_FOUND'],
      [() => service.merkleCompare('orders', 'n1', 'n1'), 'BAD_REQUEST'],
    ];
    for (const [refused, code] of refusals) await expect(refused()).rejects.toMatchObject({ code });
    await cluster.stop('n3');
    await expect(service.merkleBuild('orders', 'n3')).rejects.toMatchObject({ code: 'UNREACHABLE' });
    await expect(service.merkleCompare('orders', 'n1', 'n3')).rejects.toMatchObject({ code: 'UNREACHABLE' });
  });
});
