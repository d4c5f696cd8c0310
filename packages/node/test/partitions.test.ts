// Partitions as users manage them: options, drop, trim, retention and times, on three nodes.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { createClient } from '@mendlog/client';
import { decodeFrame, encodeFrame, LIMITS, VERSION_HIGHEST, VERSION_LOWEST } from '@mendlog/core';
import type { Service } from '@mendlog/node';
import { LmdbStore } from '@mendlog/node/storage';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { eventually } from './eventually.js';
import { counters, draftsOf, frame, groupOf, version } from './records.js';
import { TestCluster } from './test-cluster.js';

const EVERYTHING = { from: VERSION_LOWEST, to: VERSION_HIGHEST, limit: 1000 };

async function append(service: Service, partition: string, count = 1): Promise<number> {
  const group = draftsOf(partition, Array(count).fill(Buffer.from('x')));
  const [outcome] = await service.write([group], {});
  if (outcome?.ok !== true) throw new Error(`not acknowledged: ${JSON.stringify(outcome)}`);
  return outcome.firstCounter;
}

async function countersOf(service: Service, partition: string): Promise<number[]> {
  const { frames } = await service.scan(partition, EVERYTHING, undefined);
  return frames.map((bytes) => decodeFrame(bytes).version.counter);
}

const namesOf = async (service: Service) =>
  (await service.partitions({ limit: 100 })).partitions.map(({ partitionId }) => partitionId);

describe('partitions: options', () => {
  test('partitions: every node keeps the options of one that any node created', async () => {
    await using cluster = await TestCluster.start();
    const retention = { maxRecords: 100 };
    const created = await cluster
      .node('n2')
      .service.createPartition('orders', { replicationFactor: 1, consistency: 'ONE', retention });
    expect(created).toMatchObject({
      replicationFactor: 1,
      consistency: 'ONE',
      retention,
      records: 0,
      head: 0,
    });
    expect(created.primaries).toHaveLength(1);
    for (const service of cluster.services) {
      expect(await service.partition('orders')).toEqual(created);
      expect(await namesOf(service)).toEqual(['orders']);
    }
    const [outcome] = await cluster.node('n1').service.write([draftsOf('orders', [Buffer.from('x')])], {});
    expect(outcome).toMatchObject({ ok: true, acks: 1, firstCounter: 1, level: 'ONE' });
    const holders = await Promise.all(
      cluster.running.map(async ({ id, service }) =>
        (await service.summary())[0]?.partitions.length ? id : [],
      ),
    );
    expect(holders.flat()).toEqual(created.primaries);
  });

  test('partitions: options that were set while a node was down reach it before it serves', async () => {
    await using cluster = await TestCluster.start();
    await cluster.stop('n3');
    await cluster.node('n1').service.createPartition('orders', { replicationFactor: 2, consistency: 'TWO' });
    const configured = await cluster.node('n2').service.configurePartition('orders', { consistency: 'ONE' });
    expect(configured).toMatchObject({ replicationFactor: 2, consistency: 'ONE' });
    await cluster.start('n3');
    const { catalog } = await heartbeatOf(cluster, 'n3');
    expect(Buffer.from(catalog)).toEqual(Buffer.from((await heartbeatOf(cluster, 'n1')).catalog));
    await cluster.allSeen();
    expect(await cluster.node('n3').service.partition('orders')).toEqual(configured);
    // And they survive a restart of all at once.
    for (const id of cluster.ids) await cluster.stop(id);
    for (const id of cluster.ids) await cluster.start(id);
    await cluster.allSeen();
    expect(await cluster.node('n2').service.partition('orders')).toMatchObject({ consistency: 'ONE' });
  });

  test('partitions: what cannot be is refused, each with its code', async () => {
    await using cluster = await TestCluster.start();
    const { service } = cluster.node('n1');
    await append(service, 'implicit');
    await service.createPartition('explicit', { consistency: 'ALL' });
    const refusals: [() => Promise<unknown>, string][] = [
      [() => service.createPartition('implicit', {}), 'PARTITION_EXISTS'],
      [() => service.createPartition('explicit', {}), 'PARTITION_EXISTS'],
      [() => service.createPartition('more', { replicationFactor: 4 }), 'TOO_FEW_NODES'],
      [
        () => service.createPartition('more', { replicationFactor: 2, consistency: 'THREE' }),
        'TOO_FEW_NODES',
      ],
      [() => service.createPartition('more', { retention: {} }), 'BAD_REQUEST'],
      [() => service.configurePartition('none', {}), 'NOT_FOUND'],
      [() => service.partition('none'), 'NOT_FOUND'],
      [() => service.dropPartition('none'), 'NOT_FOUND'],
      [() => service.trimPartition('none', 1), 'NOT_FOUND'],
    ];
    for (const [refused, code] of refusals) await expect(refused()).rejects.toMatchObject({ code });
    expect(await namesOf(service)).toEqual(['explicit', 'implicit']);
    await cluster.stop('n2');
    await cluster.stop('n3');
    for (const refused of [
      () => service.createPartition('more', {}),
      () => service.dropPartition('explicit'),
    ]) {
      await expect(refused()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    }
  });

  test('partitions: pages go on after the last name', async () => {
    await using cluster = await TestCluster.start();
    const { service } = cluster.node('n1');
    const names = counters(10, 16).map((n) => `p${n}`);
    for (const name of names) await append(service, name);
    await cluster.converged();
    const seen: string[] = [];
    for (let cursor: string | undefined; ; ) {
      const page = await service.partitions({ limit: 3, cursor });
      seen.push(...page.partitions.map(({ partitionId }) => partitionId));
      if (page.next === undefined) break;
      cursor = page.next;
    }
    expect(seen).toEqual(names);
  });
});

describe('partitions: drop and trim (SPEC I5)', () => {
  test('partitions: a dropped one is gone everywhere, and begins anew above what it used', async () => {
    await using cluster = await TestCluster.start();
    const { service } = cluster.node('n1');
    await service.createPartition('orders', { consistency: 'ALL' });
    await append(service, 'orders', 5);
    const dropped = await service.dropPartition('orders');
    expect(dropped).toMatchObject({ records: 0, bytes: 0, head: 5, trimmedTo: 5 });
    expect(dropped.consistency).toBeUndefined();
    for (const each of cluster.services) {
      expect(await namesOf(each)).toEqual([]);
      expect(await each.scan('orders', EVERYTHING, undefined)).toMatchObject({ frames: [], isKnown: false });
    }
    expect(await append(service, 'orders')).toBe(6);
    expect(await countersOf(cluster.node('n3').service, 'orders')).toEqual([6]);
    await cluster.converged();
  });

  test('partitions: a node that was down while it was dropped does not bring it back', async () => {
    await using cluster = await TestCluster.start();
    const { service } = cluster.node('n1');
    await append(service, 'orders', 5);
    await cluster.stop('n3');
    await append(service, 'orders', 3);
    expect((await service.dropPartition('orders')).trimmedTo).toBe(8);
    expect(await append(service, 'orders')).toBe(9);
    await cluster.start('n3');
    await cluster.allSeen();
    // Whoever is asked: the watermark of one of a quorum's replicas is enough.
    for (const each of cluster.services) expect(await countersOf(each, 'orders')).toEqual([9]);
    await Promise.all(cluster.services.map((each) => each.trigger({ partitionId: 'orders' })));
    await cluster.converged();
    await eventually(
      { for: 'all replicas to hold one record' },
      async () => (await Promise.all(cluster.services.map((each) => each.summary()))).flat(),
      (summaries) => summaries.every(({ partitions }) => partitions[0]?.records === 1),
    );
    // A late copy from before, as a hint of a node that was away would bring it, is not taken.
    await cluster.storeOnlyOn('n3', [groupOf('orders', [frame(2, 'late')])]);
    expect(await countersOf(cluster.node('n3').service, 'orders')).toEqual([9]);
  });

  test('partitions: scans skip what a lagging replica still holds, however much (records=3000)', async () => {
    await using cluster = await TestCluster.start();
    const { service } = cluster.node('n1');
    await cluster.stop('n3');
    for (let i = 0; i < 3; i++) await append(service, 'orders', 1000);
    await cluster.start('n3');
    await cluster.converged();
    await cluster.stop('n3');
    await service.trimPartition('orders', 2990);
    await cluster.start('n3');
    await cluster.allSeen();
    for (const each of cluster.services) {
      const page = await each.scan('orders', { ...EVERYTHING, limit: 10 }, 'ALL');
      expect(page.frames.map((bytes) => decodeFrame(bytes).version.counter)).toEqual(counters(2991, 3000));
    }
  });

  test('partitions: an append meets a trim that its replicas did (trimmed above what the coordinator knew)', async () => {
    await using cluster = await TestCluster.start();
    const { service } = cluster.node('n1');
    await append(service, 'orders', 5);
    await service.trimPartition('orders', 5);
    for (const id of cluster.ids) {
      await cluster.stop(id);
      expect(await append(cluster.services[0] ?? service, 'orders')).toBeGreaterThan(5);
      await cluster.start(id);
      await cluster.allSeen();
    }
  });
});

describe('partitions: a trim between the version of a write and its storing', () => {
  /** The next writes of a client find the partition trimmed to 50 on these replicas, after they have their version. */
  function trimBetween(replicas: number) {
    const { apply } = LmdbStore.prototype;
    const spy = vi.spyOn(LmdbStore.prototype, 'apply');
    for (let i = 0; i < replicas; i++)
      spy.mockImplementationOnce(async function (this: LmdbStore, ...batch) {
        await this.trim('orders', 50);
        return await apply.apply(this, batch);
      });
    onTestFinished(() => spy.mockRestore());
  }

  test('partitions: on every replica the write is refused as TRIMMED, and another try lies above', async () => {
    await using cluster = await TestCluster.start();
    const { service } = cluster.node('n1');
    await append(service, 'orders', 5);
    trimBetween(cluster.ids.length);
    const [late] = await service.write([draftsOf('orders', [Buffer.from('late')])], {});
    expect(late).toMatchObject({ ok: false, error: { code: 'TRIMMED' } });
    expect(await append(service, 'orders')).toBe(51);
    for (const each of cluster.services) expect(await countersOf(each, 'orders')).toEqual([51]);
    await cluster.converged();
  });

  test('partitions: an append of a client goes on above it by itself', async () => {
    await using cluster = await TestCluster.start();
    await append(cluster.node('n1').service, 'orders', 5);
    await using client = createClient({ nodes: [cluster.urlOf('n1')] });
    trimBetween(cluster.ids.length);
    expect(await client.partition('orders').append('late')).toMatchObject({ id: 51 });
    expect(await countersOf(cluster.node('n3').service, 'orders')).toEqual([51]);
  });
});

describe('partitions: replicas that were away (SPEC I5)', () => {
  test('partitions: created anew with more replicas, it begins above what was dropped on fewer', async () => {
    await using cluster = await TestCluster.start(3, { replicationFactor: 1 });
    const { service } = cluster.node('n1');
    await append(service, 'orders', 5);
    const [holder] = (await service.partition('orders')).primaries;
    expect((await service.dropPartition('orders')).trimmedTo).toBe(5);
    await service.createPartition('orders', { replicationFactor: 3, consistency: 'QUORUM' });
    await cluster.stop(holder ?? '');
    const writing = cluster.services[0];
    if (writing === undefined) throw new Error('two nodes are left');
    for (let i = 0; i < 3; i++) expect(await append(writing, 'orders')).toBe(6 + i);
    await cluster.start(holder ?? '');
    await cluster.allSeen();
    for (const each of cluster.services) expect(await countersOf(each, 'orders')).toEqual([6, 7, 8]);
  });

  test('partitions: one that was away while it was dropped or trimmed knows before it serves', async () => {
    await using cluster = await TestCluster.start(3, { reconciliation: { intervalMs: 0 } });
    const away = (await cluster.node('n1').service.createPartition('trimmed', { consistency: 'ONE' }))
      .primaries[0];
    const [other] = cluster.ids.filter((id) => id !== away);
    if (away === undefined || other === undefined) throw new Error('there are three nodes');
    for (const name of ['dropped', 'trimmed']) await append(cluster.node(away).service, name);
    await cluster.converged();
    await cluster.stop(away);
    const { service } = cluster.node(other);
    for (const name of ['dropped', 'trimmed']) await append(service, name, 4);
    await service.dropPartition('dropped');
    await service.trimPartition('trimmed', 5);
    await cluster.start(away);
    const back = cluster.node(away).service;
    for (const name of ['dropped', 'trimmed'])
      expect(await back.scan(name, EVERYTHING, 'ONE')).toMatchObject({
        frames: [],
        isKnown: name === 'trimmed',
      });
    await cluster.allSeen();
    await expect(back.partition('dropped')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    // Without a counter round, too: what it acknowledges alone must not lie below the watermark.
    expect(await append(back, 'trimmed')).toBe(6);
    const { frames } = await back.scan('trimmed', EVERYTHING, 'ALL');
    expect(frames.map((bytes) => decodeFrame(bytes).version.counter)).toEqual([6]);
    await cluster.converged();
  });

  test('partitions: many records are out of sight at once, whatever it takes to remove them (records=12000)', async () => {
    await using cluster = await TestCluster.start();
    const { service } = cluster.node('n1');
    for (let i = 0; i < 12; i++) await append(service, 'orders', 1000);
    expect(await service.dropPartition('orders')).toMatchObject({ records: 0, trimmedTo: 12_000 });
    for (const each of cluster.services) expect(await countersOf(each, 'orders')).toEqual([]);
    expect(await append(service, 'orders')).toBe(12_001);
    await cluster.converged();
  });
});

describe('partitions: changes at the same time', () => {
  test('partitions: of many creations one succeeds, and of many settings all nodes keep the same', async () => {
    await using cluster = await TestCluster.start();
    const created = await Promise.allSettled(
      counters(1, 9).map((maxRecords) =>
        (cluster.services[maxRecords % 3] ?? cluster.node('n1').service).createPartition('orders', {
          retention: { maxRecords },
        }),
      ),
    );
    expect(created.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const outcome of created)
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'PARTITION_EXISTS' });

    const answers = await Promise.all(
      counters(11, 19).map((maxRecords) =>
        (cluster.services[maxRecords % 3] ?? cluster.node('n1').service).configurePartition('orders', {
          retention: { maxRecords },
        }),
      ),
    );
    // Each was in force when it was answered.
    expect(answers.map(({ retention }) => retention?.maxRecords)).toEqual(counters(11, 19));
    const kept = await Promise.all(cluster.services.map((each) => each.partition('orders')));
    expect(new Set(kept.map(({ retention }) => retention?.maxRecords)).size).toBe(1);
  });

  test('partitions: one that was created is there without options and without records, until it is dropped', async () => {
    await using cluster = await TestCluster.start();
    const { service } = cluster.node('n1');
    await service.createPartition('plain', {});
    await expect(service.createPartition('plain', {})).rejects.toMatchObject({ code: 'PARTITION_EXISTS' });
    await service.configurePartition('plain', {});
    await append(service, 'implicit', 2);
    await service.trimPartition('implicit', 99);
    for (const each of cluster.services) {
      expect(await namesOf(each)).toEqual(['implicit', 'plain']);
      expect(await each.partition('implicit')).toMatchObject({ records: 0, trimmedTo: 2 });
      expect(await each.merkleBuild('plain', 'n2')).toMatchObject({ recordCount: 0 });
    }
    await service.dropPartition('plain');
    expect(await namesOf(service)).toEqual(['implicit']);
  });

  test('partitions: a drop that no majority can hear of changes nothing', async () => {
    await using cluster = await TestCluster.start(3, { replicationFactor: 1 });
    const [holder] = (await cluster.node('n1').service.createPartition('orders', { consistency: 'ONE' }))
      .primaries;
    const left = cluster.node(holder ?? '').service;
    await append(left, 'orders', 3);
    for (const id of cluster.ids) if (id !== holder) await cluster.stop(id);
    await expect(left.dropPartition('orders')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(await countersOf(left, 'orders')).toEqual([1, 2, 3]);
  });
});

describe('partitions: retention', () => {
  test('partitions: the oldest records go by number on every replica, the newest stay', async () => {
    await using cluster = await TestCluster.start(3, { retention: { intervalMs: 50 } });
    const { service } = cluster.node('n1');
    await service.createPartition('orders', { retention: { maxRecords: 10 } });
    for (let i = 0; i < 3; i++) await append(service, 'orders', 1200);
    await append(service, 'kept', 50);
    await eventually(
      { for: 'ten records to be left' },
      async () => (await Promise.all(cluster.services.map((each) => each.summary()))).flat(),
      (summaries) =>
        summaries.every(
          ({ partitions }) => partitions.find(({ partitionId }) => partitionId === 'orders')?.records === 10,
        ),
    );
    expect(await countersOf(cluster.node('n3').service, 'orders')).toEqual(counters(3591, 3600));
    expect(await countersOf(cluster.node('n3').service, 'kept')).toHaveLength(50);
    await cluster.converged();
  });

  test('partitions: the oldest records go by bytes on every replica, and the files stay small (written=10 times what is kept)', async () => {
    const maxBytes = 2 * 1024 * 1024;
    const value = Buffer.alloc(16 * 1024, 'x');
    const perStep = maxBytes / 2 / value.length;
    await using cluster = await TestCluster.start(3, { retention: { intervalMs: 20 } });
    const { service } = cluster.node('n1');
    await service.createPartition('orders', { retention: { maxBytes } });
    let frameBytes = 0;
    for (let step = 1; step <= 20; step++) {
      const [outcome] = await service.write([draftsOf('orders', Array(perStep).fill(value))], {});
      expect(outcome).toMatchObject({ ok: true });
      const details = await eventually(
        { for: `the bytes of step ${step} to go` },
        async () => await Promise.all(cluster.services.map((each) => each.partition('orders'))),
        // Two replicas have acknowledged it; the one that tells may be the third.
        (each) => each.every(({ bytes, head }) => head === step * perStep && bytes <= maxBytes),
      );
      for (const { bytes, records } of details) frameBytes = bytes / records;
    }
    // No more goes than has to.
    const kept = Math.floor(maxBytes / frameBytes);
    const last = 20 * perStep;
    expect(await countersOf(cluster.node('n3').service, 'orders')).toEqual(counters(last - kept + 1, last));
    for (const id of cluster.ids) {
      const { size } = statSync(join(cluster.dataDirOf(id), 'log/data.mdb'));
      expect(size).toBeLessThan(4 * maxBytes);
    }
    await cluster.converged();
  });

  test('partitions: what is trimmed and not removed yet does not count: nothing goes for it (records=30000)', async () => {
    await using cluster = await TestCluster.start(1, { retention: { intervalMs: 5 } });
    const { service } = cluster.node('n1');
    for (let i = 0; i < 30; i++) await append(service, 'orders', 1000);
    await service.dropPartition('orders');
    await service.createPartition('orders', { retention: { maxRecords: 1000 } });
    await append(service, 'orders', 500);
    const left = await eventually(
      { for: 'the removal to end' },
      () => service.partition('orders'),
      ({ records }) => records <= 500,
    );
    expect(left).toMatchObject({ records: 500, trimmedTo: 30_000 });
    expect(await countersOf(service, 'orders')).toEqual(counters(30_001, 30_500));
  });

  test('partitions: records go by age, by the clock of who wrote them', async () => {
    await using cluster = await TestCluster.start(3, { retention: { intervalMs: 50 } });
    const { service } = cluster.node('n1');
    // Written long ago, as far as their coordinator's clock tells.
    const old = groupOf(
      'orders',
      counters(1, 4).map((counter) => frame(counter)),
    );
    for (const id of cluster.ids) await cluster.storeOnlyOn(id, [old]);
    await append(service, 'orders', 2);
    await service.configurePartition('orders', { retention: { maxAgeMs: 3_600_000 } });
    await eventually(
      { for: 'the old records to go' },
      () => countersOf(service, 'orders'),
      (left) => left.length === 2,
    );
    expect(await countersOf(service, 'orders')).toEqual([5, 6]);
  });
});

describe('partitions: times', () => {
  test('partitions: a scan by time finds what was written then, in pages', async () => {
    await using cluster = await TestCluster.start();
    const { service } = cluster.node('n1');
    const at = (counter: number) =>
      encodeFrame({ version: version(counter), timeMs: 1000 + counter * 10, value: Buffer.from('x') });
    const all = counters(1, 5000).map(at);
    for (let from = 0; from < all.length; from += LIMITS.batchRecordsMax) {
      for (const id of cluster.ids)
        await cluster.storeOnlyOn(id, [groupOf('orders', all.slice(from, from + LIMITS.batchRecordsMax))]);
    }
    const found: number[] = [];
    let from = VERSION_LOWEST;
    for (let page = 0; page < 10; page++) {
      const time = { fromMs: 1000 + 2995 * 10, toMs: 1000 + 3005 * 10 };
      const { frames, next } = await service.scan(
        'orders',
        { ...EVERYTHING, from, limit: 4, time },
        undefined,
      );
      expect(frames.length).toBeLessThanOrEqual(4);
      found.push(...frames.map((bytes) => decodeFrame(bytes).version.counter));
      if (next === undefined) break;
      from = next;
    }
    expect(found).toEqual(counters(2995, 3005));
  });

  test('partitions: a scan by time in reverse begins with the last record of the time', async () => {
    await using cluster = await TestCluster.start(1);
    const { service } = cluster.node('n1');
    // Times fall and rise, so that they lie in several parts of the partition.
    const at = (counter: number) =>
      encodeFrame({ version: version(counter), timeMs: counter % 1000, value: Buffer.from('x') });
    await cluster.storeOnlyOn('n1', [groupOf('orders', counters(1, 4000).map(at))]);
    const found: number[] = [];
    let to = version(3500);
    for (let page = 0; page < 20; page++) {
      const time = { fromMs: 10, toMs: 11 };
      const range = { ...EVERYTHING, to, limit: 3, descending: true, time };
      const { frames, next } = await service.scan('orders', range, undefined);
      expect(frames.length).toBeLessThanOrEqual(3);
      found.push(...frames.map((bytes) => decodeFrame(bytes).version.counter));
      if (next === undefined) break;
      to = next;
    }
    expect(found).toEqual([3011, 3010, 2011, 2010, 1011, 1010, 11, 10]);
  });

  test('partitions: a scan by time finds what one of the asked replicas alone holds, and repairs it', async () => {
    await using cluster = await TestCluster.start();
    const { service } = cluster.node('n1');
    const at = (counter: number, timeMs: number) =>
      encodeFrame({ version: version(counter), timeMs, value: Buffer.from('x') });
    for (const id of cluster.ids)
      await cluster.storeOnlyOn(id, [
        groupOf(
          'orders',
          counters(1, 600).map((c) => at(c, 1000)),
        ),
      ]);
    await cluster.storeOnlyOn('n3', [groupOf('orders', [at(700, 5000)])]);
    const time = { fromMs: 4000, toMs: 6000 };
    const scan = () => service.scan('orders', { ...EVERYTHING, time }, 'ALL');
    const { frames, next, repaired } = await scan();
    expect(frames.map((bytes) => decodeFrame(bytes).version.counter)).toEqual([700]);
    expect({ next, repaired }).toEqual({ next: undefined, repaired: true });
    expect(await scan()).toMatchObject({ repaired: false });
    const none = await service.scan('orders', { ...EVERYTHING, time: { fromMs: 1, toMs: 2 } }, 'ALL');
    expect(none).toMatchObject({ frames: [], isKnown: true });
    const unknown = await service.scan('nowhere', { ...EVERYTHING, time }, 'ALL');
    expect(unknown).toMatchObject({ frames: [], isKnown: false });
  });
});

async function heartbeatOf(cluster: TestCluster, id: string): Promise<{ catalog: Uint8Array }> {
  return await cluster.ask(id, (call) => call.peer.heartbeat.query({}));
}
