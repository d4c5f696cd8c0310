// A node's reads of ranges beside the machine that decides them: callers, metrics, and large pages over a connection.
import { frameVersion, VERSION_HIGHEST, VERSION_LOWEST } from '@mendlog/core';
import { describe, expect, test } from 'vitest';
import { abandonmentOf, RequestCaller } from '../src/api/request-caller.js';
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
  test('range coordinator: a read whose caller goes ends at once, others go on', async () => {
    await using cluster = await TestCluster.start(3);
    await cluster.storeOnlyOn('n2', [groupOf('orders', [frame(1, 'x')])]);
    const { service } = cluster.node('n1');
    const ids = [{ counter: 1 }];
    const gone = { code: 'REQUEST_TIMEOUT' };
    const controller = new AbortController();
    const caller = new RequestCaller(abandonmentOf(controller.signal));
    const read = service.read('orders', ids, 'ALL', caller);
    controller.abort();
    await expect(read).rejects.toMatchObject(gone);
    await expect(service.read('orders', ids, 'ALL', caller)).rejects.toMatchObject(gone);
    await expect(service.scan('orders', EVERYTHING, 'ALL', caller)).rejects.toMatchObject(gone);
    const timed = { ...EVERYTHING, time: { fromMs: 0 } };
    await expect(service.scan('orders', timed, 'ALL', caller)).rejects.toMatchObject(gone);
    const late = new RequestCaller(undefined, performance.now());
    await expect(service.read('orders', ids, 'ALL', late)).rejects.toMatchObject(gone);
    const patient = new RequestCaller(
      abandonmentOf(new AbortController().signal),
      performance.now() + 60_000,
    );
    expect(await service.read('orders', ids, 'ALL', patient)).toMatchObject([{ repaired: true }]);
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
