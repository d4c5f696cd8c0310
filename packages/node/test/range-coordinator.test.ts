// A node's reads of ranges beside the machine that decides them: signals, metrics, and large pages over a connection.
import { frameVersion, VERSION_HIGHEST, VERSION_LOWEST } from '@mendlog/core';
import { describe, expect, test } from 'vitest';
import { frame, groupOf } from './records.js';
import { TestCluster } from './test-cluster.js';

const EVERYTHING = { from: VERSION_LOWEST, to: VERSION_HIGHEST, limit: 4096 };

async function scanned(cluster: TestCluster, id: string, descending: boolean): Promise<number[]> {
  const counters: number[] = [];
  let range = { ...EVERYTHING, descending };
  for (let pages = 0; pages < 100; pages++) {
    const { frames, next } = await cluster.node(id).service.scan('orders', range, 'QUORUM');
    for (const bytes of frames) counters.push(frameVersion(bytes).counter);
    if (next === undefined) return counters;
    range = descending ? { ...range, to: next } : { ...range, from: next };
  }
  throw new Error('a scan does not end');
}

describe('range coordinator', () => {
  test('range coordinator: a read whose signal aborts rejects with its reason, and others go on', async () => {
    await using cluster = await TestCluster.start(3);
    await cluster.storeOnlyOn('n2', [groupOf('orders', [frame(1, 'x')])]);
    const { service } = cluster.node('n1');
    const reason = new Error('the caller has gone');
    const ids = [{ counter: 1 }];
    await expect(service.read('orders', ids, 'ALL', AbortSignal.abort(reason))).rejects.toBe(reason);
    const controller = new AbortController();
    const read = service.read('orders', ids, 'ALL', controller.signal);
    controller.abort(reason);
    await expect(read).rejects.toBe(reason);
    const scan = service.scan(
      'orders',
      { ...EVERYTHING, time: { fromMs: 0 } },
      'ALL',
      AbortSignal.abort(reason),
    );
    await expect(scan).rejects.toBe(reason);
    expect(await service.read('orders', ids, 'ALL', new AbortController().signal)).toMatchObject([
      { repaired: true },
    ]);
    const text = await service.metrics();
    expect(text).toMatch(/^mendlog_reads_total\{.*outcome="answered".*consistency="ALL".*\} 1$/m);
  });

  // Which three hold it is a matter of names: n4 is none of them.
  test.each([
    ['a replica', 'n1'],
    ['no replica', 'n4'],
  ])(
    'range coordinator: large records come in pages, in either order, from %s (n=4, rf=3)',
    async (_, id) => {
      await using cluster = await TestCluster.start(4, { replicationFactor: 3 });
      const holders = cluster.ids.filter((one) => one !== 'n4');
      const frames = Array.from({ length: 9 }, (_one, i) => frame(i + 1, 'x'.repeat(700_000)));
      for (const holder of holders) await cluster.storeOnlyOn(holder, [groupOf('orders', frames)]);
      const counters = frames.map((bytes) => frameVersion(bytes).counter);
      expect(await scanned(cluster, id, false)).toEqual(counters);
      expect(await scanned(cluster, id, true)).toEqual(counters.toReversed());
    },
  );
});
