// Lone commits go without a counter round: their coordinator proposes versions, and peers accept or refuse them.
import { encodePacked, preferenceList } from '@mendlog/core';
import { describe, expect, test } from 'vitest';
import { draftsOf, frame, groupOf } from './records.js';
import { TestCluster } from './test-cluster.js';

const PARTITION = 'proposed';

async function append(cluster: TestCluster, value: string): Promise<number> {
  const [service] = cluster.services;
  const groups = [draftsOf(PARTITION, [Buffer.from(value)])];
  const [outcome] = (await service?.write(groups, { level: 'QUORUM' })) ?? [];
  if (outcome?.ok !== true) throw new Error(`not acknowledged: ${JSON.stringify(outcome)}`);
  return outcome.firstCounter;
}

describe('proposals', () => {
  test('proposal: what both peers know better gets a version above theirs, and all hold it once (n=3)', async () => {
    await using cluster = await TestCluster.start();
    const first = [];
    for (let i = 1; i <= 10; i++) first.push(await append(cluster, `lone ${i}`));
    expect(first).toEqual(first.map((_, i) => i + 1));

    const [coordinator, ...peers] = preferenceList(PARTITION, cluster.ids, 3).primaries;
    for (const id of peers) await cluster.storeOnlyOn(id, [groupOf(PARTITION, [frame(1000, 'elsewhere')])]);
    expect([coordinator !== undefined, await append(cluster, 'above')]).toEqual([true, 1001]);
    expect(await append(cluster, 'and lone again')).toBe(1002);
    await cluster.storeOnlyOn(coordinator ?? '', [groupOf(PARTITION, [frame(1000, 'elsewhere')])]);
    await cluster.converged();
    const [summary] = (await cluster.services[0]?.summary()) ?? [];
    expect(summary?.partitions.map(({ records }) => records)).toEqual([first.length + 3]);
  });

  test('proposal: a replica stores what lies above its head, and nothing of what does not', async () => {
    await using cluster = await TestCluster.start();
    const propose = (counter: number) => {
      const packed = encodePacked([groupOf(PARTITION, [frame(counter)]), groupOf('another', [frame(7)])]);
      return cluster.ask('n1', (call) => call.peer.propose.mutate({ packed }));
    };
    await cluster.storeOnlyOn('n1', [groupOf(PARTITION, [frame(5)])]);
    expect(await propose(5)).toEqual({});
    expect(await propose(6)).toMatchObject({ stored: { added: 2, trimmed: [], fenced: [] } });
    // Sent once more, it is in its own way.
    expect(await propose(6)).toEqual({});
    const packed = encodePacked([groupOf(PARTITION, [new Uint8Array(3)])]);
    await expect(cluster.ask('n1', (call) => call.peer.propose.mutate({ packed }))).rejects.toThrow(
      'shorter than its header',
    );
  });
});
