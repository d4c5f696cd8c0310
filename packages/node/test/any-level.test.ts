// Writes at ANY: while no primary can be reached, whoever takes one keeps it for them, and they get it when they return.
import { decodeFrame, LIMITS, preferenceList, VERSION_HIGHEST, VERSION_LOWEST } from '@mendlog/core';
import { describe, expect, test } from 'vitest';
import { eventually } from './eventually.js';
import { draftsOf } from './records.js';
import { TestCluster } from './test-cluster.js';

const NODES = ['n1', 'n2', 'n3', 'n4'];
const EVERYTHING = { from: VERSION_LOWEST, to: VERSION_HIGHEST, limit: 100 };

/** A partition of which n4 is no primary. */
function partitionWithoutN4(prefix = 'orders'): { name: string; primaries: readonly string[] } {
  for (let i = 0; ; i++) {
    const name = `${prefix}-${i}`;
    const { primaries } = preferenceList(name, NODES, 3);
    if (!primaries.includes('n4')) return { name, primaries };
  }
}

async function append(cluster: TestCluster, partition: string, ...values: string[]) {
  const drafts = draftsOf(
    partition,
    values.map((value) => Buffer.from(value)),
  );
  const [outcome] = await cluster.node('n4').service.write([drafts], { level: 'ANY' });
  if (outcome === undefined) throw new Error('no outcome');
  return outcome;
}

async function valuesAt(cluster: TestCluster, id: string, partition: string): Promise<string[]> {
  const { frames } = await cluster.node(id).service.scan(partition, EVERYTHING, 'ALL');
  return frames.map((frame) => Buffer.from(decodeFrame(frame).value).toString());
}

async function untilReplayed(cluster: TestCluster): Promise<void> {
  await eventually(
    { for: 'the hints of n4 to be replayed' },
    () => cluster.node('n4').service.hintStats(),
    ({ pending }) => pending === 0,
  );
}

describe('ANY', () => {
  test('ANY: with all primaries down a write is kept, over a restart too, and all of them get it (n=4, replicas=3)', async () => {
    await using cluster = await TestCluster.start(4);
    const { name, primaries } = partitionWithoutN4();
    for (const id of primaries) await cluster.stop(id);
    expect(await append(cluster, name, 'x', 'y')).toMatchObject({ ok: true, acks: 0, level: 'ANY' });
    const response = await fetch(`${cluster.urlOf('n4')}/api/write`, {
      method: 'POST',
      body: JSON.stringify({ partitionId: name, message: 'z', consistency: 'ANY' }),
    });
    expect(await response.json()).toMatchObject({ acks: 0, consistency: 'ANY' });
    expect(await cluster.node('n4').service.hintStats()).toMatchObject({ pending: 9 });
    // It is no replica: nothing of the partition is among what it stores.
    const [summary] = await cluster.node('n4').service.summary();
    expect(summary?.partitions).toEqual([]);
    await cluster.stop('n4');
    for (const id of cluster.ids) await cluster.start(id);
    await untilReplayed(cluster);
    for (const id of primaries) expect(await valuesAt(cluster, id, name)).toEqual(['x', 'y', 'z']);
  });

  test('ANY: with a primary alive it is a write at ONE, whoever it is sent to', async () => {
    await using cluster = await TestCluster.start(4);
    const { name, primaries } = partitionWithoutN4();
    for (const id of primaries.slice(1)) await cluster.stop(id);
    expect(await append(cluster, name, 'x')).toMatchObject({ ok: true, acks: 1, level: 'ANY' });
    expect(await cluster.node('n4').service.hintStats()).toMatchObject({ pending: 0 });
  });

  test('ANY: a read at ANY is BAD_REQUEST, and so is a partition whose level it is', async () => {
    await using cluster = await TestCluster.start(1);
    const get = await fetch(`${cluster.urlOf('n1')}/api/keys/p/k?consistency=ANY`);
    expect(await get.json()).toMatchObject({ code: 'BAD_REQUEST' });
    const created = await fetch(`${cluster.urlOf('n1')}/api/partitions`, {
      method: 'POST',
      body: JSON.stringify({ partitionId: 'p', consistency: 'ANY' }),
    });
    expect(await created.json()).toMatchObject({ code: 'BAD_REQUEST' });
  });

  test('ANY: what is dropped by hand of kept writes is gone, and the rest comes', async () => {
    await using cluster = await TestCluster.start(4);
    const { name, primaries } = partitionWithoutN4();
    for (const id of primaries) await cluster.stop(id);
    await append(cluster, name, 'a', 'b', 'c', 'd');
    expect(await cluster.node('n4').service.dropHints(undefined, 0.5)).toBe(6);
    for (const id of primaries) await cluster.start(id);
    await untilReplayed(cluster);
    await eventually(
      { for: 'the records that are left' },
      () => valuesAt(cluster, 'n4', name),
      (values) => values.length === 2,
    );
    expect(await append(cluster, name, 'e')).toMatchObject({ ok: true, acks: 1 });
  });

  test('ANY: OVERLOADED where a node keeps as much as it may, and taken again when there is room (SPEC I8)', async () => {
    const { carriedBytesMax } = LIMITS;
    await using cluster = await TestCluster.start(4);
    const { name, primaries } = partitionWithoutN4();
    for (const id of primaries) await cluster.stop(id);
    try {
      Object.assign(LIMITS, { carriedBytesMax: 10_000 });
      const taken: string[] = [];
      for (let i = 0; taken.length === i; i++) {
        const outcome = await append(cluster, name, `${i}${'x'.repeat(1000)}`);
        if (outcome.ok) taken.push(`${i}`);
        else expect(outcome.error).toMatchObject({ code: 'OVERLOADED' });
      }
      expect(taken).toEqual(['0', '1', '2']);
      // What lies on disk counts after a restart as well.
      await cluster.stop('n4');
      await cluster.start('n4');
      expect(await append(cluster, name, 'x'.repeat(1000))).toMatchObject({ ok: false });
      for (const id of primaries) await cluster.start(id);
      await untilReplayed(cluster);
      for (const id of primaries) await cluster.stop(id);
      expect(await append(cluster, name, 'x'.repeat(1000))).toMatchObject({ ok: true, acks: 0 });
    } finally {
      Object.assign(LIMITS, { carriedBytesMax });
    }
  });
});
