// Tombstones go from all nodes once all have them, and not before; what was deleted stays away.
import { rmSync } from 'node:fs';
import {
  decodeFrame,
  encodeDraft,
  encodePacked,
  packItems,
  putKey,
  VERSION_HIGHEST,
  VERSION_LOWEST,
} from '@mendlog/core';
import { describe, expect, test } from 'vitest';
import { eventually } from './eventually.js';
import { frameOf, groupOf } from './records.js';
import { TestCluster } from './test-cluster.js';

const OPTIONS = { tombstones: { purgeIntervalMs: 50 }, writeTimeoutMs: 300 };

async function put(cluster: TestCluster, key: string, value: string | undefined): Promise<number> {
  const record = value === undefined ? { tombstone: true as const } : {};
  const draft = encodeDraft({ key, value: Buffer.from(value ?? ''), ...record });
  const [service] = cluster.services;
  const [outcome] = (await service?.write([packItems('settings', [draft])], { level: 'QUORUM' })) ?? [];
  if (outcome?.ok !== true) throw new Error(`not acknowledged: ${JSON.stringify(outcome)}`);
  return outcome.firstCounter;
}

/** Up to where each running node has purged. */
async function purgedTo(cluster: TestCluster): Promise<number[]> {
  return await Promise.all(
    cluster.running.map(async ({ id }) => {
      const side = await cluster.ask(id, (call) => call.peer.root.query({ partition: 'settings' }));
      return side.purgedTo;
    }),
  );
}

async function purgedUpTo(cluster: TestCluster, counter: number): Promise<void> {
  await eventually(
    { for: `tombstones to be purged up to ${counter}` },
    () => purgedTo(cluster),
    (all) => all.every((to) => to >= counter),
  );
}

/** Everything that the replicas hold between them: a put as `key=value`, a tombstone as `key`. */
async function held(cluster: TestCluster): Promise<string[]> {
  const range = { from: VERSION_LOWEST, to: VERSION_HIGHEST, limit: 100 };
  const page = await cluster.services[0]?.scan('settings', range, 'ALL');
  return (page?.frames ?? [])
    .map((frame) => decodeFrame(frame))
    .map(({ key, value, tombstone }) => (tombstone ? `${key}` : `${key}=${Buffer.from(value)}`))
    .sort();
}

describe('tombstones', () => {
  test('tombstones: they go from all replicas, and what they had deleted is refused (SPEC I5; n=3)', async () => {
    await using cluster = await TestCluster.start(3, OPTIONS);
    await put(cluster, 'stays', 'here');
    const first = await put(cluster, 'goes', 'away');
    const deleted = await put(cluster, 'goes', undefined);
    await purgedUpTo(cluster, deleted);
    expect(await held(cluster)).toEqual(['stays=here']);
    // As a hint or a late message would bring it.
    const packed = encodePacked([groupOf('settings', [frameOf(first, 'away', { key: 'goes' })])]);
    for (const { id } of cluster.running) {
      const store = (source?: 'repair') =>
        cluster.ask(id, (call) => call.peer.store.mutate({ packed, source }));
      expect(await store()).toMatchObject({ added: 0, fenced: [{ partition: 'settings' }] });
      expect(await store('repair')).toMatchObject({ added: 0, purged: [{ partition: 'settings' }] });
    }
    // A key that was purged is as good as new.
    await put(cluster, 'goes', 'back');
    const again = await put(cluster, 'stays', undefined);
    await purgedUpTo(cluster, again);
    expect(await held(cluster)).toEqual(['goes=back']);
    const text = await cluster.node('n1').service.metrics();
    expect(text).toMatch(/mendlog_tombstone_purges_total\{outcome="failed",node="n1"\} 0/);
  });

  test('tombstones: while a replica is away they stay; when it is back they reach it, and go (SPEC I5; n=3)', async () => {
    await using cluster = await TestCluster.start(3, { ...OPTIONS, hints: { expiryMs: 1 } });
    await put(cluster, 'goes', 'away');
    await cluster.converged();
    await cluster.stop('n3');
    const deleted = await put(cluster, 'goes', undefined);
    await put(cluster, 'other', 'here');
    expect(await purgedTo(cluster)).not.toContain(deleted);
    await cluster.start('n3');
    await cluster.allSeen();
    await purgedUpTo(cluster, deleted);
    expect(await held(cluster)).toEqual(['other=here']);
    for (const { service } of cluster.running)
      expect(await service.readKeys([{ partition: 'settings', key: putKey('goes') }], 'ONE')).toEqual([
        { ok: true, frame: undefined, repaired: false },
      ]);
  });

  test('tombstones: a replica that was wiped meanwhile is brought what lives, and none of what was deleted (SPEC I5; n=3)', async () => {
    await using cluster = await TestCluster.start(3, OPTIONS);
    await put(cluster, 'stays', 'here');
    const deleted = await put(cluster, 'stays-not', undefined);
    await purgedUpTo(cluster, deleted);
    await cluster.stop('n2');
    rmSync(cluster.dataDirOf('n2'), { recursive: true });
    await cluster.start('n2');
    await cluster.allSeen();
    await purgedUpTo(cluster, deleted);
    await cluster.converged();
    expect(await held(cluster)).toEqual(['stays=here']);
  });

  test('tombstones: none is purged where that is switched off', async () => {
    await using cluster = await TestCluster.start(3, { ...OPTIONS, tombstones: { purgeIntervalMs: 0 } });
    await put(cluster, 'goes', undefined);
    expect(await held(cluster)).toEqual(['goes']);
    expect(await purgedTo(cluster)).toEqual([0, 0, 0]);
  });
});
