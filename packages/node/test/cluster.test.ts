// Three nodes in one process: writes, reads, failures and repairs as a user of the service sees them.
import {
  type ConsistencyLevel,
  decodeFrame,
  FRAME_HEADER_BYTES,
  formatVersion,
  frameVersion,
  LIMITS,
  type PackedGroup,
  packItems,
  type RecordId,
  VERSION_HIGHEST,
  VERSION_LOWEST,
  type WriteOutcome,
} from '@mendlog/core';
import type { BinaryRouter, Jobs, Service } from '@mendlog/node';
import { Connection } from '@mendlog/transport/connection';
import { expect, test } from 'vitest';
import { eventually } from './eventually.js';
import { counters, draftsOf, frame, groupOf } from './records.js';
import { TestCluster } from './test-cluster.js';

type Acknowledged = Extract<WriteOutcome, { ok: true }>;

async function append(
  service: Service,
  partition: string,
  values: readonly string[],
  level: ConsistencyLevel = 'QUORUM',
): Promise<Acknowledged> {
  const group = draftsOf(
    partition,
    values.map((value) => Buffer.from(value)),
  );
  const [outcome] = await service.write([group], { level: level });
  if (outcome?.ok !== true) throw new Error(`not acknowledged: ${JSON.stringify(outcome)}`);
  return outcome;
}

async function valuesAt(
  service: Service,
  partition: string,
  id: RecordId,
  level: ConsistencyLevel = 'QUORUM',
): Promise<string[]> {
  const [outcome] = await service.read(partition, [id], level);
  return (outcome?.frames ?? []).map(textOf);
}

/** All records of a partition, page by page. */
async function scanAll(service: Service, partition: string, level: ConsistencyLevel): Promise<Uint8Array[]> {
  const found: Uint8Array[] = [];
  let from = VERSION_LOWEST;
  for (;;) {
    const { frames, next } = await service.scan(partition, { from, to: VERSION_HIGHEST, limit: 1000 }, level);
    found.push(...frames);
    if (next === undefined) return found;
    from = next;
  }
}

const textOf = (bytes: Uint8Array) => Buffer.from(decodeFrame(bytes).value).toString();

async function pendingHints(services: readonly Service[]): Promise<number> {
  const stats = await Promise.all(services.map((service) => service.hintStats()));
  return stats.reduce((sum, { pending }) => sum + pending, 0);
}

/** Triggers anti-entropy of a partition, and resolves to the jobs once all of them have completed. */
async function repaired(cluster: TestCluster, partition: string): Promise<Jobs['jobs']> {
  const { services } = cluster;
  const triggered = await Promise.all(services.map((service) => service.trigger({ partitionId: partition })));
  const ids = new Set(triggered.flat());
  expect(ids.size).toBeGreaterThan(0);
  return await eventually(
    { for: 'the jobs to complete', deadlineMs: 30_000 },
    async () => {
      const listed = await Promise.all(
        services.map(async (service) => (await service.jobs({ limit: 100 })).jobs),
      );
      return [...new Map(listed.flat().map((job) => [job.id, job])).values()].filter(({ id }) => ids.has(id));
    },
    (jobs) => jobs.length === ids.size && jobs.every(({ status }) => status === 'COMPLETED'),
  );
}

test('cluster: a fresh partition begins at 1, and every node reads what any node wrote (n=3, w=2, r=2)', async () => {
  await using cluster = await TestCluster.start();
  for (const [i, writer] of cluster.running.entries()) {
    const outcome = await append(writer.service, 'orders', [`by ${writer.id}`]);
    expect(outcome).toMatchObject({ firstCounter: i + 1 });
    expect(outcome.acks).toBeGreaterThanOrEqual(2);
    for (const reader of cluster.services) {
      expect(await valuesAt(reader, 'orders', { counter: i + 1 })).toEqual([`by ${writer.id}`]);
      const exact = { counter: i + 1, origin: outcome.origin };
      expect(await valuesAt(reader, 'orders', exact)).toEqual([`by ${writer.id}`]);
    }
  }
  const [absent] = await cluster.node('n1').service.read('orders', [{ counter: 99 }], 'QUORUM');
  expect(absent).toMatchObject({ frames: [], repaired: false });
  await cluster.converged();
});

test('cluster: one append of several partitions has an outcome for each, in order', async () => {
  await using cluster = await TestCluster.start();
  const partitions = Array.from({ length: 12 }, (_, i) => `p${i}`);
  const groups = partitions.map((name, i) =>
    draftsOf(
      name,
      counters(1, i + 1).map(() => Buffer.from(name)),
    ),
  );
  const outcomes = await cluster.node('n2').service.write(groups, { level: 'ALL' });
  expect(outcomes).toMatchObject(partitions.map(() => ({ ok: true, firstCounter: 1, acks: 3 })));
  for (const [i, name] of partitions.entries()) {
    expect((await scanAll(cluster.node('n3').service, name, 'ONE')).map(textOf)).toEqual(
      counters(1, i + 1).map(() => name),
    );
  }
});

test('cluster: with one node down writes go on, hints wait, and its return replays them (n=3, w=2)', async () => {
  await using cluster = await TestCluster.start();
  await append(cluster.node('n1').service, 'orders', ['before']);
  await cluster.stop('n3');
  for (const [i, service] of cluster.services.entries()) await append(service, 'orders', [`during ${i}`]);
  await append(cluster.node('n1').service, 'other', ['during']);
  expect(await pendingHints(cluster.services)).toBe(3);
  await cluster.start('n3');
  await eventually(
    { for: 'hints to be replayed' },
    () => pendingHints(cluster.services),
    (pending) => pending === 0,
  );
  await cluster.converged();
  expect((await scanAll(cluster.node('n3').service, 'orders', 'ONE')).map(textOf)).toEqual([
    'before',
    'during 0',
    'during 1',
  ]);
  const stats = await Promise.all(cluster.services.map((service) => service.hintStats()));
  expect(stats.reduce((sum, { replayed }) => sum + replayed, 0)).toBe(3);
  expect(
    stats.every(({ oldestAgeMs, failed, expired }) => oldestAgeMs === null && failed + expired === 0),
  ).toBe(true);
});

test('cluster: hints of more small records than a message holds are replayed all the same', async () => {
  await using cluster = await TestCluster.start();
  await cluster.stop('n3');
  const perAppend = 1000;
  const appends = Math.ceil((LIMITS.batchRecordsMax * 2) / perAppend);
  for (let i = 0; i < appends; i++) {
    await append(cluster.node('n1').service, 'orders', Array(perAppend).fill('x'));
  }
  expect(await pendingHints(cluster.services)).toBe(appends * perAppend);
  await cluster.start('n3');
  await eventually(
    { for: 'hints to be replayed' },
    () => pendingHints(cluster.services),
    (pending) => pending === 0,
  );
  const stats = await Promise.all(cluster.services.map((service) => service.hintStats()));
  expect(stats.reduce((sum, { replayed }) => sum + replayed, 0)).toBe(appends * perAppend);
  await cluster.converged();
});

test('cluster: hints of appends that together exceed a message are replayed all the same', async () => {
  await using cluster = await TestCluster.start();
  await cluster.stop('n3');
  const { service } = cluster.node('n1');
  const largest = [...Array(7).fill(LIMITS.valueBytesMax), 980_000];
  for (const sizes of [[250_000], largest, [10]]) {
    const group = draftsOf(
      'orders',
      sizes.map((bytes) => Buffer.alloc(bytes)),
    );
    expect(await service.write([group], { level: 'QUORUM' })).toMatchObject([{ ok: true, acks: 2 }]);
  }
  await cluster.start('n3');
  await eventually(
    { for: 'hints to be replayed' },
    () => pendingHints(cluster.services),
    (pending) => pending === 0,
  );
  const stats = await Promise.all(cluster.services.map((each) => each.hintStats()));
  expect(stats.reduce((sum, { replayed }) => sum + replayed, 0)).toBe(10);
  await cluster.converged();
});

test('cluster: hints survive a restart of their coordinator', async () => {
  await using cluster = await TestCluster.start();
  await cluster.stop('n3');
  await append(cluster.node('n1').service, 'orders', ['a', 'b']);
  for (const id of ['n1', 'n2']) {
    await cluster.stop(id);
    await cluster.start(id);
    await cluster.allSeen();
  }
  expect(await pendingHints(cluster.services)).toBe(2);
  await cluster.start('n3');
  await cluster.converged();
  await eventually(
    { for: 'hints to be replayed' },
    () => pendingHints(cluster.services),
    (pending) => pending === 0,
  );
});

test('cluster: what dropped hints leave missing is brought by a triggered job', async () => {
  await using cluster = await TestCluster.start();
  await append(cluster.node('n1').service, 'orders', ['kept']);
  await cluster.stop('n3');
  await append(cluster.node('n1').service, 'orders', ['lost 1', 'lost 2', 'lost 3', 'lost 4']);
  // Half of them first: what is left still waits.
  const dropHints = async (fraction: number) =>
    (await Promise.all(cluster.services.map((service) => service.dropHints('n3', fraction)))).reduce(
      (sum, dropped) => sum + dropped,
    );
  expect(await dropHints(0.5)).toBe(2);
  expect(await pendingHints(cluster.services)).toBe(2);
  expect(await dropHints(1)).toBe(2);
  expect(await pendingHints(cluster.services)).toBe(0);

  await cluster.start('n3');
  await cluster.allSeen();
  await repaired(cluster, 'orders');
  await cluster.converged();
  expect(await scanAll(cluster.node('n3').service, 'orders', 'ONE')).toHaveLength(5);
});

test('cluster: preview tells what each side lacks and moves nothing', async () => {
  await using cluster = await TestCluster.start();
  await append(cluster.node('n1').service, 'orders', ['everywhere'], 'ALL');
  await cluster.storeOnlyOn('n2', [groupOf('orders', [frame(500, 'a'), frame(501, 'b')])]);
  await cluster.storeOnlyOn('n3', [groupOf('orders', [frame(501, 'b')])]);
  const before = await cluster.roots();
  const { pairs } = await cluster.node('n2').service.preview('orders');
  expect([...pairs].sort((a, b) => (a.peer < b.peer ? -1 : 1))).toEqual([
    { partitionId: 'orders', node: 'n2', peer: 'n1', missingOnNode: 0, missingOnPeer: 2 },
    { partitionId: 'orders', node: 'n2', peer: 'n3', missingOnNode: 0, missingOnPeer: 1 },
  ]);
  expect(await cluster.roots()).toEqual(before);
  expect(new Set(before).size).toBe(3);
});

test('cluster: anti-entropy brings what only one replica held to all, also where origins share counters', async () => {
  await using cluster = await TestCluster.start();
  // Together more records in the segments of one step than one message may hold.
  const per = 3000;
  const made = (origin: number) => counters(1, per).map((counter) => frame(counter, '', origin));
  await cluster.storeOnlyOn('n1', [groupOf('orders', made(1))]);
  await cluster.storeOnlyOn('n2', [groupOf('orders', made(2)), groupOf('orders', made(3))]);
  for (const job of await repaired(cluster, 'orders'))
    expect(job).toMatchObject({ attempts: 1, error: null });
  const summaries = await Promise.all(cluster.services.map((service) => service.summary()));
  expect(summaries.map(([summary]) => summary?.partitions[0]?.records)).toEqual([3 * per, 3 * per, 3 * per]);
  await cluster.converged();
}, 40_000);

test('cluster: a read gives replicas what they lack before it answers (r=3)', async () => {
  await using cluster = await TestCluster.start();
  await append(cluster.node('n1').service, 'orders', ['everywhere'], 'ALL');
  await cluster.storeOnlyOn('n2', [groupOf('orders', [frame(2, 'only on n2'), frame(3, 'this too')])]);
  const [outcome] = await cluster.node('n1').service.read('orders', [{ counter: 2 }], 'ALL');
  expect(outcome).toMatchObject({ repaired: true, next: undefined });
  for (const service of cluster.services) {
    expect(await valuesAt(service, 'orders', { counter: 2 }, 'ONE')).toEqual(['only on n2']);
  }
  expect(await valuesAt(cluster.node('n1').service, 'orders', { counter: 3 }, 'ONE')).toEqual([]);
  const page = await cluster
    .node('n3')
    .service.scan('orders', { from: VERSION_LOWEST, to: VERSION_HIGHEST, limit: 10 }, 'ALL');
  expect(page.frames.map(textOf)).toEqual(['everywhere', 'only on n2', 'this too']);
  expect(page.repaired).toBe(true);
  expect(new Set(await cluster.roots()).size).toBe(1);
});

test('cluster: after a record was stored far ahead, new versions are above it (w=2)', async () => {
  await using cluster = await TestCluster.start();
  await cluster.storeOnlyOn('n1', [groupOf('orders', [frame(1000)])]);
  await cluster.storeOnlyOn('n2', [groupOf('orders', [frame(1000)])]);
  for (const [i, service] of cluster.services.entries()) {
    expect(await append(service, 'orders', ['next'])).toMatchObject({ firstCounter: 1001 + i });
  }
});

test('cluster: with two of three nodes down a quorum is UNAVAILABLE, ONE is not, and nothing was written', async () => {
  await using cluster = await TestCluster.start();
  await append(cluster.node('n1').service, 'orders', ['first']);
  await cluster.stop('n2');
  await cluster.stop('n3');
  const { service } = cluster.node('n1');
  const [outcome] = await service.write([draftsOf('orders', [Buffer.from('no')])], { level: 'QUORUM' });
  expect(outcome).toMatchObject({
    ok: false,
    error: { code: 'UNAVAILABLE', details: { needed: 2, missing: expect.arrayContaining(['n2', 'n3']) } },
  });
  await expect(service.read('orders', [{ counter: 1 }], 'QUORUM')).rejects.toMatchObject({
    code: 'UNAVAILABLE',
  });
  expect((await service.health()).status).toBe('DOWN');
  expect(await append(service, 'orders', ['alone'], 'ONE')).toMatchObject({ acks: 1 });
  expect((await scanAll(service, 'orders', 'ONE')).map(textOf)).not.toContain('no');
  await cluster.start('n2');
  await cluster.start('n3');
  await cluster.converged();
});

test('cluster: one node by itself refuses levels that need more and takes the others (n=1)', async () => {
  await using cluster = await TestCluster.start(1);
  const { service } = cluster.node('n1');
  const group = () => draftsOf('orders', [Buffer.from('x')]);
  expect(await service.write([group()], { level: 'TWO' })).toMatchObject([
    { ok: false, error: { code: 'TOO_FEW_NODES' } },
  ]);
  for (const [i, level] of (['ONE', 'QUORUM', 'ALL'] as const).entries()) {
    expect(await service.write([group()], { level })).toMatchObject([
      { ok: true, firstCounter: i + 1, acks: 1 },
    ]);
  }
});

/** Its only value is longer than a client would send it. */
function oneByteMore({ partition, bytes }: PackedGroup): PackedGroup {
  return packItems(partition, [Buffer.concat([bytes, Buffer.of(0)])]);
}

test('cluster: what no replica could take is refused before it is written', async () => {
  await using cluster = await TestCluster.start();
  const { service } = cluster.node('n1');
  const items = (count: number, bytes: number) => draftsOf('orders', Array(count).fill(Buffer.alloc(bytes)));
  const most = Math.floor((LIMITS.messageBytesMax - 64 * 1024) / (LIMITS.valueBytesMax + FRAME_HEADER_BYTES));
  for (const [group, code] of [
    [items(0, 0), 'BAD_REQUEST'],
    [items(LIMITS.batchRecordsMax + 1, 0), 'TOO_LARGE'],
    [items(most + 1, LIMITS.valueBytesMax), 'TOO_LARGE'],
    [oneByteMore(items(1, LIMITS.valueBytesMax)), 'TOO_LARGE'],
  ] as const) {
    expect(await service.write([group], { level: 'QUORUM' })).toMatchObject([{ ok: false, error: { code } }]);
  }
  expect(await service.write([items(LIMITS.batchRecordsMax, 0)], { level: 'ALL' })).toMatchObject([
    { ok: true, firstCounter: 1 },
  ]);
  expect(await service.write([items(most, LIMITS.valueBytesMax)], { level: 'ALL' })).toMatchObject([
    { ok: true, acks: 3 },
  ]);
  await cluster.converged();
});

test('cluster: appends at the same time through all nodes have versions of their own (SPEC I6)', async () => {
  await using cluster = await TestCluster.start();
  const outcomes = await Promise.all(
    cluster.running.flatMap(({ id, service }) =>
      counters(1, 40).map(async (i) => {
        const { firstCounter, origin } = await append(service, 'orders', [`${id} ${i}`, `${id} ${i} too`]);
        return [0, 1].map((offset) => formatVersion({ counter: firstCounter + offset, origin }));
      }),
    ),
  );
  const versions = outcomes.flat();
  expect(new Set(versions).size).toBe(3 * 40 * 2);
  await cluster.converged();
  for (const service of cluster.services) {
    const stored = (await scanAll(service, 'orders', 'QUORUM')).map((bytes) =>
      formatVersion(frameVersion(bytes)),
    );
    expect([...stored].sort()).toEqual([...versions].sort());
  }
});

test('cluster: appends sent one after another without waiting are in order (SPEC I10)', async () => {
  await using cluster = await TestCluster.start();
  for (const { id, service } of cluster.running) {
    const partition = `of-${id}`;
    // Rounds of different sizes, so that group commits overlap.
    const sent = counters(1, 60);
    const outcomes = await Promise.all(
      sent.map((i) => append(service, partition, Array(i % 7 === 0 ? 200 : 1).fill(`${i}`))),
    );
    const firsts = outcomes.map(({ firstCounter }) => firstCounter);
    expect(firsts).toEqual([...firsts].sort((a, b) => a - b));
    const seen = (await scanAll(service, partition, 'QUORUM')).map(textOf);
    expect([...new Set(seen)]).toEqual(sent.map(String));
    expect(seen).toEqual([...seen].sort((a, b) => Number(a) - Number(b)));
  }
});

test('cluster: an append after an acknowledged one has the higher version, whichever nodes coordinate', async () => {
  await using cluster = await TestCluster.start();
  let highest = 0;
  for (const id of ['n1', 'n2', 'n3']) {
    // With a node away, the partition has another coordinator.
    await cluster.stop(id);
    for (const service of cluster.services) {
      const { firstCounter } = await append(service, 'orders', ['x']);
      expect(firstCounter).toBeGreaterThan(highest);
      highest = firstCounter;
    }
    await cluster.start(id);
    await cluster.allSeen();
  }
});

test('cluster: a node that closes ends every append that is under way, and loses none it acknowledged', async () => {
  await using cluster = await TestCluster.start();
  const { service } = cluster.node('n1');
  const outcomes = counters(1, 50).map(async (i) => ({
    value: `${i}`,
    outcome: (await service.write([draftsOf('orders', [Buffer.from(`${i}`)])], { level: 'QUORUM' }))[0],
  }));
  await cluster.stop('n1');
  const ended = await Promise.all(outcomes);
  await cluster.start('n1');
  await cluster.allSeen();
  const stored = new Set((await scanAll(cluster.node('n2').service, 'orders', 'QUORUM')).map(textOf));
  for (const { value, outcome } of ended) {
    if (outcome?.ok === true) expect(stored).toContain(value);
  }
});

test('cluster: the peer procedures need the cluster secret', async () => {
  await using cluster = await TestCluster.start(1);
  const answer = await fetch(`${cluster.urlOf('n1')}/api/health`);
  expect(answer.status).toBe(200);
  const without = new Connection<BinaryRouter>({ url: cluster.urlOf('n1') });
  const wrong = new Connection<BinaryRouter>({ url: cluster.urlOf('n1'), token: 'wrong' });
  const unauthorized = { cause: { code: 'UNAUTHORIZED' } };
  try {
    await without.waitUntilOpen(5000);
    await expect(without.call.peer.heartbeat.query({})).rejects.toMatchObject(unauthorized);
    expect((await without.call.cluster.health.query()).status).toBe('UP');
    await eventually(
      { for: 'the refusal' },
      () => wrong.refusal,
      (refusal) => refusal !== undefined,
    );
    await expect(wrong.call.peer.heartbeat.query({})).rejects.toMatchObject(unauthorized);
    await expect(wrong.call.cluster.health.query()).rejects.toMatchObject(unauthorized);
  } finally {
    without.close();
    wrong.close();
  }
});
