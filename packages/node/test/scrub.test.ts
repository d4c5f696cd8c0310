// What the disk changes of records that nobody reads is found, and given back by another replica.
import { rmSync } from 'node:fs';
import { decodePacked, itemsOf } from '@mendlog/core';
import { expect, test } from 'vitest';
import { eventually } from './eventually.js';
import { counters, frame, groupOf, version } from './records.js';
import { spoilFrame } from './spoil-frame.js';
import { hex } from './store-digests.js';
import { TestCluster } from './test-cluster.js';

const AT_ONCE = { bytesPerSecondMax: 1_000_000_000, pauseMs: 0 };
const FRAMES = counters(1, 400).map((counter) => frame(counter, `the value of record ${counter}`));

/** The values of samples of one metric, by the whole text of their labels. */
async function samples(cluster: TestCluster, id: string, name: string): Promise<Record<string, number>> {
  const text = await cluster.node(id).service.metrics();
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`));
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]),
  );
}

async function bytesAt(cluster: TestCluster, id: string, counter: number): Promise<string[]> {
  const versions = [version(counter)];
  const { packed } = await cluster.ask(id, (call) =>
    call.peer.frames.query({ partition: 'orders', versions }),
  );
  return decodePacked(packed).flatMap((group) => [...itemsOf(group)].map(hex));
}

test('scrub: records that the disk of one replica has changed come back without being read', async () => {
  await using cluster = await TestCluster.start(3, { scrub: AT_ONCE });
  for (const id of cluster.ids) await cluster.storeOnlyOn(id, [groupOf('orders', FRAMES)]);
  await cluster.stop('n1');
  const spoilt = [17, 18, 250, 399];
  for (const counter of spoilt) spoilFrame(cluster.dataDirOf('n1'), FRAMES[counter - 1] as Uint8Array, 40);
  await cluster.start('n1');
  for (const counter of spoilt) {
    await eventually(
      { for: `record ${counter} to come back` },
      () => bytesAt(cluster, 'n1', counter),
      ([bytes]) => bytes === hex(FRAMES[counter - 1] as Uint8Array),
    );
  }
  await eventually(
    { for: 'nothing to be damaged any more' },
    () => samples(cluster, 'n1', 'mendlog_damaged_records'),
    (values) => values['mendlog_damaged_records{node="n1"}'] === 0,
  );
  const found = await samples(cluster, 'n1', 'mendlog_scrub_findings_total');
  expect(found['mendlog_scrub_findings_total{kind="record",node="n1"}']).toBeGreaterThanOrEqual(
    spoilt.length,
  );
  expect(found['mendlog_scrub_findings_total{kind="index",node="n1"}']).toBe(0);
  expect(new Set(await cluster.roots()).size).toBe(1);
});

test('scrub: a damaged record that nobody can give back stays known as damaged, and walks go on', async () => {
  await using cluster = await TestCluster.start(3, { scrub: AT_ONCE });
  await cluster.storeOnlyOn('n1', [groupOf('orders', FRAMES)]);
  await cluster.stop('n1');
  spoilFrame(cluster.dataDirOf('n1'), FRAMES[16] as Uint8Array, 40);
  // Over an index made anew too.
  rmSync(`${cluster.dataDirOf('n1')}/index`, { recursive: true });
  await cluster.start('n1');
  await eventually(
    { for: 'two walks to end' },
    () => samples(cluster, 'n1', 'mendlog_scrub_walks_total'),
    (values) => (values['mendlog_scrub_walks_total{node="n1"}'] ?? 0) >= 2,
  );
  expect(await samples(cluster, 'n1', 'mendlog_damaged_records')).toEqual({
    'mendlog_damaged_records{node="n1"}': 1,
  });
  expect(await bytesAt(cluster, 'n1', 17)).toEqual([]);
  expect(await bytesAt(cluster, 'n1', 18)).toEqual([hex(FRAMES[17] as Uint8Array)]);
});

test('scrub: none where no bytes a second are allowed', async () => {
  await using cluster = await TestCluster.start(1, { scrub: { bytesPerSecondMax: 0, pauseMs: 0 } });
  await cluster.storeOnlyOn('n1', [groupOf('orders', FRAMES)]);
  expect(await samples(cluster, 'n1', 'mendlog_scrub_walks_total')).toEqual({
    'mendlog_scrub_walks_total{node="n1"}': 0,
  });
});
