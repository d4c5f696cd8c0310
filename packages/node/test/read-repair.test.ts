// Read repair in each of its modes: which replicas have a record after a read, and what is counted.
import {
  decodeFrame,
  decodePacked,
  itemsOf,
  LISTING_ENTRY_BYTES,
  VERSION_HIGHEST,
  VERSION_LOWEST,
} from '@mendlog/core';
import { describe, expect, test } from 'vitest';
import { eventually } from './eventually.js';
import { frame, groupOf, version } from './records.js';
import { spoilFrame } from './spoil-frame.js';
import { TestCluster } from './test-cluster.js';

const EVERYTHING = { from: VERSION_LOWEST, to: VERSION_HIGHEST, limit: 100 };

/** What each node holds by itself. */
async function heldBy(cluster: TestCluster): Promise<number[]> {
  return await Promise.all(
    cluster.ids.map(async (id) => {
      const input = { ranges: [{ partition: 'orders', range: EVERYTHING }] };
      const { listings } = await cluster.ask(id, (call) => call.peer.list.query(input));
      return (listings[0]?.entries.length ?? 0) / LISTING_ENTRY_BYTES;
    }),
  );
}

async function repairsOf(cluster: TestCluster, id: string): Promise<number> {
  const text = await cluster.node(id).service.metrics();
  return Number(/^read_repairs_triggered_total\{.*\} (\d+)$/m.exec(text)?.[1]);
}

async function readAt(cluster: TestCluster, id: string, level: 'ONE' | 'QUORUM' | 'ALL') {
  const [outcome] = await cluster.node(id).service.read('orders', [{ counter: 1 }], level);
  return {
    values: (outcome?.frames ?? []).map((bytes) => Buffer.from(decodeFrame(bytes).value).toString()),
    repaired: outcome?.repaired,
  };
}

describe('read repair', () => {
  test('read repair: blocking gives every asked replica the record before it answers, absent ones included', async () => {
    await using cluster = await TestCluster.start(3, { readRepair: 'blocking' });
    await cluster.storeOnlyOn('n2', [groupOf('orders', [frame(1, 'x')])]);
    expect(await readAt(cluster, 'n1', 'ALL')).toEqual({ values: ['x'], repaired: true });
    expect(await heldBy(cluster)).toEqual([1, 1, 1]);
    expect(await repairsOf(cluster, 'n1')).toBe(1);
    expect(await readAt(cluster, 'n1', 'ALL')).toEqual({ values: ['x'], repaired: false });
    expect(await repairsOf(cluster, 'n1')).toBe(1);
  });

  test('read repair: of two records of one version the same one ends on every asked replica', async () => {
    await using cluster = await TestCluster.start(3, { readRepair: 'blocking' });
    for (const [id, value] of [
      ['n1', 'left'],
      ['n2', 'right'],
    ] as const)
      await cluster.storeOnlyOn(id, [groupOf('orders', [frame(1, value)])]);
    const { values } = await readAt(cluster, 'n3', 'ALL');
    for (const id of cluster.ids) expect((await readAt(cluster, id, 'ONE')).values).toEqual(values);
    expect(new Set(await cluster.roots()).size).toBe(1);
  });

  test('read repair: async answers first and repairs behind', async () => {
    await using cluster = await TestCluster.start(3, { readRepair: 'async' });
    await cluster.storeOnlyOn('n2', [groupOf('orders', [frame(1, 'x')])]);
    expect(await readAt(cluster, 'n1', 'ALL')).toEqual({ values: ['x'], repaired: false });
    await eventually(
      { for: 'all replicas to hold the record' },
      () => heldBy(cluster),
      (held) => held.every((records) => records === 1),
    );
    expect(await repairsOf(cluster, 'n1')).toBe(1);
  });

  test('read repair: off answers the newest and moves nothing', async () => {
    await using cluster = await TestCluster.start(3, { readRepair: 'off' });
    await cluster.storeOnlyOn('n2', [groupOf('orders', [frame(1, 'x')])]);
    for (let i = 0; i < 10; i++) {
      expect(await readAt(cluster, 'n1', 'ALL')).toEqual({ values: ['x'], repaired: false });
    }
    expect(await heldBy(cluster)).toEqual([0, 1, 0]);
    expect(await repairsOf(cluster, 'n1')).toBe(0);
  });

  test('read repair: by chance replicas beyond those asked are compared behind the answer (chance=1)', async () => {
    await using cluster = await TestCluster.start(3, { readRepair: 'off', readRepairChance: 1 });
    await cluster.storeOnlyOn('n1', [groupOf('orders', [frame(1, 'x')])]);
    expect(await readAt(cluster, 'n1', 'ONE')).toEqual({ values: ['x'], repaired: false });
    await eventually(
      { for: 'all replicas to hold the record' },
      () => heldBy(cluster),
      (held) => held.every((records) => records === 1),
    );
  });

  test.each(['ONE', 'QUORUM'] as const)(
    'read repair: a record that the disk of one replica has changed is read elsewhere, and given back to it (level=%s)',
    async (level) => {
      await using cluster = await TestCluster.start(3, { readRepair: 'blocking' });
      const bytes = frame(1, 'a value that the disk will change');
      for (const id of cluster.ids) await cluster.storeOnlyOn(id, [groupOf('orders', [bytes])]);
      await cluster.stop('n1');
      spoilFrame(cluster.dataDirOf('n1'), bytes, 30);
      await cluster.start('n1');
      await cluster.allSeen();
      expect((await readAt(cluster, 'n1', level)).values).toEqual(['a value that the disk will change']);
      // One replica alone was replaced by another one; of a quorum another one gives it back.
      expect((await readAt(cluster, 'n1', 'QUORUM')).values).toEqual(['a value that the disk will change']);
      await eventually(
        { for: 'n1 to have the bytes again' },
        async () => {
          const versions = [version(1)];
          const { packed } = await cluster.ask('n1', (call) =>
            call.peer.frames.query({ partition: 'orders', versions }),
          );
          return decodePacked(packed).flatMap((group) =>
            [...itemsOf(group)].map((item) => Buffer.from(item)),
          );
        },
        (items) => items.some((item) => item.equals(bytes)),
      );
    },
  );
});
