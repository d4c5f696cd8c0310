// A node whose disk was lost, on real processes' code: it never says "absent" of what was acknowledged, says why it does
// not vote, catches up by itself, and votes again.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  decodeFrame,
  encodeDraft,
  type KeyOutcome,
  type Level,
  packItems,
  putKey,
  VERSION_HIGHEST,
  VERSION_LOWEST,
  type WriteOrder,
  type WriteOutcome,
} from '@mendlog/core';
import { restoreBackup } from '@mendlog/node/backup';
import { describe, expect, test } from 'vitest';
import { eventually } from './eventually.js';
import { temporaryFolder } from './temporary-folder.js';
import { TestCluster } from './test-cluster.js';

const EVERYTHING = { from: VERSION_LOWEST, to: VERSION_HIGHEST, limit: 100 };

interface Put {
  readonly level?: Level;
  readonly order?: WriteOrder;
  readonly partition?: string;
}

async function put(
  cluster: TestCluster,
  id: string,
  value: string,
  options: Put = {},
): Promise<WriteOutcome> {
  const { level = 'QUORUM', order, partition = 'settings' } = options;
  const group = packItems(partition, [encodeDraft({ key: 'k', value: Buffer.from(value) })]);
  const [outcome] = await cluster.node(id).service.write([group], { level, order });
  if (outcome === undefined) throw new Error('no outcome');
  return outcome;
}

async function get(cluster: TestCluster, id: string, partition = 'settings'): Promise<string | undefined> {
  const [outcome] = await cluster.node(id).service.readKeys([{ partition, key: putKey('k') }], 'QUORUM');
  return textOf(outcome);
}

/** The value, or the code of the error. */
function textOf(outcome: KeyOutcome | undefined): string | undefined {
  if (outcome?.ok !== true) return outcome?.error.code;
  return outcome.frame && Buffer.from(decodeFrame(outcome.frame).value).toString();
}

async function withoutVote(cluster: TestCluster, seenBy: string, id: string) {
  const { nodes } = await cluster.node(seenBy).service.health();
  return nodes.find((node) => node.id === id)?.withoutVote;
}

async function gauge(cluster: TestCluster, id: string, name: string): Promise<number> {
  const text = await cluster.node(id).service.metrics();
  return Number(new RegExp(`^${name}\\{.*\\} (\\d+)$`, 'm').exec(text)?.[1]);
}

async function untilVotes(cluster: TestCluster, id: string): Promise<void> {
  await eventually(
    { for: `${id} to vote` },
    () => gauge(cluster, id, 'mendlog_store_votes'),
    (votes) => votes === 1,
  );
}

describe('votes', () => {
  test.each(['wiped', 'restored from a backup'])(
    'votes: a store that was %s misses nothing that was acknowledged, and votes when it has caught up (n=3)',
    async (what) => {
      using folder = temporaryFolder();
      await using cluster = await TestCluster.start(3);
      expect(await put(cluster, 'n1', 'old')).toMatchObject({ ok: true });
      const backup = join(folder.path, 'backup');
      await cluster.node('n2').backup(backup);
      await cluster.stop('n3');
      // On n1 and n2 alone.
      expect(await put(cluster, 'n1', 'new')).toMatchObject({ ok: true });
      await cluster.stop('n2');
      await cluster.stop('n1');
      rmSync(cluster.dataDirOf('n2'), { recursive: true });
      if (what !== 'wiped') await restoreBackup({ from: backup, to: cluster.dataDirOf('n2') });
      await Promise.all(['n2', 'n3'].map((id) => cluster.start(id)));
      await eventually(
        { for: 'n2 to wait for n1 alone' },
        () => withoutVote(cluster, 'n3', 'n2'),
        (without) => without?.waitsFor.join() === 'n1',
      );
      for (const id of ['n2', 'n3']) {
        const [outcome] = await cluster
          .node(id)
          .service.readKeys([{ partition: 'settings', key: putKey('k') }], 'QUORUM');
        expect(outcome).toMatchObject({
          ok: false,
          error: {
            code: 'UNAVAILABLE',
            details: { missing: expect.arrayContaining(['n1', 'n2']), withoutVote: ['n2'] },
          },
        });
        await expect(cluster.node(id).service.scan('settings', EVERYTHING, 'QUORUM')).rejects.toMatchObject({
          code: 'UNAVAILABLE',
          details: { withoutVote: ['n2'] },
        });
        expect(await put(cluster, id, 'lost?')).toMatchObject({
          ok: false,
          error: { code: 'UNAVAILABLE', details: { withoutVote: ['n2'] } },
        });
      }
      // What it stores counts all the same.
      expect(await put(cluster, 'n3', 'causal', { order: 'causal', partition: 'other' })).toMatchObject({
        ok: true,
        acks: 2,
      });
      expect(await gauge(cluster, 'n2', 'mendlog_store_votes')).toBe(0);
      expect(await gauge(cluster, 'n2', 'mendlog_partitions_without_vote')).toBeGreaterThan(0);
      expect(await withoutVote(cluster, 'n2', 'n3')).toBeUndefined();
      expect((await cluster.node('n3').service.health()).status).toBe('DOWN');
      await cluster.start('n1');
      await untilVotes(cluster, 'n2');
      expect(await withoutVote(cluster, 'n2', 'n2')).toBeUndefined();
      await cluster.stop('n1');
      for (const id of ['n2', 'n3']) {
        expect(await get(cluster, id)).toBe('new');
        expect(await get(cluster, id, 'other')).toBe('causal');
      }
    },
  );

  test('votes: a lost disk is made good while the others go on, by sessions that nobody asked for', async () => {
    await using cluster = await TestCluster.start(3);
    for (let i = 0; i < 20; i++)
      expect(await put(cluster, 'n1', `${i}`, { partition: `p${i}` })).toMatchObject({ ok: true });
    await cluster.stop('n3');
    rmSync(cluster.dataDirOf('n3'), { recursive: true });
    const writing = { isOver: false };
    const writes = (async () => {
      for (let i = 0; !writing.isOver; i++)
        expect(await put(cluster, 'n1', `later ${i}`, { partition: 'p0' })).toMatchObject({ ok: true });
    })();
    await cluster.start('n3');
    await untilVotes(cluster, 'n3');
    writing.isOver = true;
    await writes;
    const { jobs } = await cluster.node('n3').service.jobs({ limit: 100 });
    expect(jobs.some(({ reason, node }) => reason === 'new-store' && node === 'n3')).toBe(true);
    await cluster.stop('n1');
    for (let i = 1; i < 20; i++) expect(await get(cluster, 'n3', `p${i}`)).toBe(`${i}`);
  });

  test('votes: a vote survives a restart, and two of three that begin a cluster do not wait for the third', async () => {
    await using cluster = await TestCluster.start(3);
    for (const id of cluster.ids) await cluster.stop(id);
    for (const id of cluster.ids) rmSync(cluster.dataDirOf(id), { recursive: true });
    await Promise.all(['n1', 'n2'].map((id) => cluster.start(id)));
    for (const id of ['n1', 'n2']) await untilVotes(cluster, id);
    expect(await put(cluster, 'n1', 'x')).toMatchObject({ ok: true });
    for (const id of ['n1', 'n2']) await cluster.stop(id);
    await cluster.start('n2');
    expect(await gauge(cluster, 'n2', 'mendlog_store_votes')).toBe(1);
    await cluster.start('n3');
    // It was not there when the cluster began, and cannot know what has been written since.
    await eventually(
      { for: 'n3 to wait for n1' },
      () => withoutVote(cluster, 'n2', 'n3'),
      (without) => without?.waitsFor.join() === 'n1',
    );
    expect(await get(cluster, 'n2')).toBe('UNAVAILABLE');
    await cluster.start('n1');
    await untilVotes(cluster, 'n3');
    await cluster.stop('n2');
    expect(await get(cluster, 'n3')).toBe('x');
  });
});
