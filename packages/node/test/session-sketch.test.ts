// Sessions between nodes that compare segments by sketches: over connections, with what one peer can ask of another.
import { decodePacked, itemsOf, LIMITS, packRecordItems } from '@mendlog/core';
import { describe, expect, test } from 'vitest';
import { eventually } from './eventually.js';
import { counters, frame, frameOf, groupOf } from './records.js';
import { TestCluster } from './test-cluster.js';

const RECORDS = 3000;
const FRAMES = counters(1, RECORDS).map((counter) => frame(counter, `the value of record ${counter}`));
const LISTING_BYTES = RECORDS * 32;

const without = (lost: readonly number[]) => FRAMES.filter((_, i) => !lost.includes(i + 1));

/** Runs a job of the partition, at the node that leads it, and returns it. */
async function repaired(cluster: TestCluster) {
  const ids = await cluster.node('n1').service.trigger({ partitionId: 'orders' });
  return await eventually(
    { for: 'the job to end', deadlineMs: 30_000 },
    async () => {
      const all = await Promise.all(cluster.services.map((service) => service.jobs({ limit: 100 })));
      return all.flatMap(({ jobs }) => jobs).find((job) => ids.includes(job.id));
    },
    (job) => job?.status === 'COMPLETED' || job?.status === 'FAILED',
  );
}

describe('anti-entropy: sketches', () => {
  test('anti-entropy: scattered differences of two nodes are found without listing their segments', async () => {
    await using cluster = await TestCluster.start(2);
    const [lostOnFirst, lostOnSecond] = [
      [17, 300, 1234, 2750],
      [400, 1235, 2001],
    ];
    await cluster.storeOnlyOn('n1', [groupOf('orders', without(lostOnFirst))]);
    await cluster.storeOnlyOn('n2', [groupOf('orders', without(lostOnSecond))]);
    const job = await repaired(cluster);
    expect(job).toMatchObject({ status: 'COMPLETED', recordsRepaired: 7 });
    await cluster.converged();
    expect(job?.bytesReceived).toBeLessThan(LISTING_BYTES / 20);
    for (const id of cluster.ids) {
      const [summary] = await cluster.node(id).service.summary();
      expect(summary).toMatchObject({ partitions: [{ partitionId: 'orders', records: RECORDS }] });
    }
  });

  test('anti-entropy: a preview by sketches counts and moves nothing', async () => {
    await using cluster = await TestCluster.start(2);
    await cluster.storeOnlyOn('n1', [groupOf('orders', without([17, 300]))]);
    await cluster.storeOnlyOn('n2', [groupOf('orders', FRAMES)]);
    const { pairs } = await cluster.node('n1').service.preview('orders');
    expect(pairs).toMatchObject([{ partitionId: 'orders', node: 'n1', missingOnNode: 2, missingOnPeer: 0 }]);
    expect(new Set(await cluster.roots()).size).toBe(2);
  });

  test('anti-entropy: nodes that are written to while they are compared hold the same in the end', async () => {
    await using cluster = await TestCluster.start(2);
    await cluster.storeOnlyOn('n1', [groupOf('orders', without(counters(1, 200).map((i) => 13 * i)))]);
    await cluster.storeOnlyOn('n2', [groupOf('orders', without(counters(1, 150).map((i) => 17 * i)))]);
    let isWriting = true;
    const writing = (async () => {
      for (let counter = RECORDS + 1; isWriting; counter++)
        await cluster.storeOnlyOn(counter % 2 === 0 ? 'n1' : 'n2', [groupOf('orders', [frame(counter)])]);
    })();
    for (let jobs = 0; jobs < 3; jobs++) await repaired(cluster);
    isWriting = false;
    await writing;
    await repaired(cluster);
    await cluster.converged();
  });

  test('anti-entropy: records that are superseded before they are fetched end no job (keys=200)', async () => {
    await using cluster = await TestCluster.start(2);
    const put = (counter: number) => frameOf(counter, `value ${counter}`, { key: `key ${counter % 200}` });
    await cluster.storeOnlyOn('n1', [groupOf('orders', [put(1)])]);
    let isWriting = true;
    const writing = (async () => {
      for (let counter = 2; isWriting; counter += 200) {
        const frames = counters(counter, counter + 199).map(put);
        await Promise.all([
          cluster.storeOnlyOn('n1', [
            groupOf(
              'orders',
              frames.filter((_, i) => i % 7 !== 0),
            ),
          ]),
          cluster.storeOnlyOn('n2', [
            groupOf(
              'orders',
              frames.filter((_, i) => i % 11 !== 0),
            ),
          ]),
        ]);
      }
    })();
    try {
      for (let jobs = 0; jobs < 2; jobs++)
        expect(await repaired(cluster)).toMatchObject({ status: 'COMPLETED', error: null });
    } finally {
      isWriting = false;
      await writing;
    }
    await repaired(cluster);
    await cluster.converged();
  });
});

describe('peer: symbols and items', () => {
  const questions: [string, { from: number; to: number }[], { first: number; symbols: number }][] = [
    ['more symbols than a sketch has', [{ from: 0, to: 1 }], { first: 1, symbols: LIMITS.sketchSymbolsMax }],
    ['no symbols', [{ from: 0, to: 1 }], { first: 0, symbols: 0 }],
    ['a first symbol below 0', [{ from: 0, to: 1 }], { first: -1, symbols: 1 }],
    ['a segment that there is not', [{ from: 0, to: Number.MAX_SAFE_INTEGER }], { first: 0, symbols: 1 }],
    [
      'more segments than a request has ranges',
      counters(0, LIMITS.rangesMax).map((i) => ({ from: 2 * i, to: 2 * i })),
      { first: 0, symbols: 1 },
    ],
  ];
  test('peer: questions beyond their bounds are refused, and the next one is answered', async () => {
    await using cluster = await TestCluster.start(1);
    await cluster.storeOnlyOn('n1', [groupOf('orders', FRAMES)]);
    for (const [, segments, range] of questions) {
      const asked = cluster.ask('n1', (call) =>
        call.peer.symbols.query({ partition: 'orders', segments, ...range }),
      );
      await expect(asked).rejects.toMatchObject({ cause: { code: 'BAD_REQUEST' } });
    }
    const items = (count: number) =>
      packRecordItems(Array.from({ length: count }, () => ({ counter: 1, tagPrefix: new Uint8Array(8) })));
    for (const [packed, code] of [
      [items(LIMITS.recordItemsMax + 1), 'TOO_LARGE'],
      [new Uint8Array(17), 'MALFORMED'],
      [new Uint8Array(16).fill(255), 'MALFORMED'],
    ] as const) {
      const asked = cluster.ask('n1', (call) =>
        call.peer.items.query({ partition: 'orders', items: packed }),
      );
      await expect(asked).rejects.toMatchObject({ cause: { code } });
    }
    const segments = [{ from: 0, to: 20 }];
    const { answer } = await cluster.ask('n1', (call) =>
      call.peer.symbols.query({ partition: 'orders', segments, first: 0, symbols: 20 }),
    );
    expect(answer?.row).toHaveLength(24);
    const answered = await cluster.ask('n1', (call) =>
      call.peer.items.query({ partition: 'orders', items: items(3) }),
    );
    expect(answered).toMatchObject({ answered: 3, vanished: 3 });
    expect(decodePacked(answered.packed).flatMap((group) => [...itemsOf(group)])).toEqual([]);
  });

  test('peer: there are no symbols of more records than a sketch is made of', async () => {
    await using cluster = await TestCluster.start(1);
    const count = LIMITS.sketchRecordsMax + 1;
    const frames = counters(1, count).map((counter) => frame(counter));
    for (let at = 0; at < count; at += LIMITS.batchRecordsMax)
      await cluster.storeOnlyOn('n1', [groupOf('orders', frames.slice(at, at + LIMITS.batchRecordsMax))]);
    const answerTo = (to: number) =>
      cluster.ask('n1', (call) => {
        const segments = [{ from: 0, to }];
        return call.peer.symbols.query({ partition: 'orders', segments, first: 0, symbols: 16 });
      });
    expect((await answerTo(1000)).answer).toBeUndefined();
    expect((await answerTo(100)).answer?.message.length).toBeGreaterThan(0);
  });
});
