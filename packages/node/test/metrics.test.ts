// What a scrape shows of a node: series that are there from the start, and failures that count as such.
import { once } from 'node:events';
import { request } from 'node:http';
import { loadKernel } from '@mendlog/merkle';
import { createNode, type MendlogNode } from '@mendlog/node';
import { expect, test } from 'vitest';
import { temporaryFolder } from './temporary-folder.js';
import { TestCluster } from './test-cluster.js';

/** The value of one sample, its labels in the order that the text has them. */
async function sample(node: MendlogNode, name: string): Promise<number | undefined> {
  const line = (await node.service.metrics()).split('\n').find((text) => text.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.slice(name.length));
}

/** One of three nodes; the two others are nowhere. */
async function loneNode(dataDir: string): Promise<MendlogNode> {
  return await createNode({
    id: 'n1',
    dataDir,
    listen: '127.0.0.1:0',
    peers: { n2: 'http://127.0.0.1:1', n3: 'http://127.0.0.1:2' },
  });
}

test('metrics: what may be reported is there as 0 before it happens', async () => {
  using folder = temporaryFolder();
  await using node = await loneNode(folder.path);
  for (const name of [
    'hints_pending{node="n1"}',
    'mendlog_hints_pending_by_target{target="n2",node="n1"}',
    'mendlog_hints_oldest_age_seconds{target="n3",node="n1"}',
    'mendlog_hints_total{state="expired",node="n1"}',
    'mendlog_writes_total{outcome="unknown",consistency="ALL",node="n1"}',
    'mendlog_repair_bytes_total{direction="sent",node="n1"}',
    'mendlog_reconciliation_oldest_pending_seconds{node="n1"}',
    'mendlog_connection_faults_total{reason="silent",node="n1"}',
    'mendlog_calls_refused_total{node="n1"}',
    'mendlog_read_queue_reads{node="n1"}',
    'mendlog_speculative_reads_total{node="n1"}',
  ])
    expect(await sample(node, name), name).toBe(0);
  expect(await sample(node, `mendlog_kernel{kind="${loadKernel().kind}",node="n1"}`)).toBe(1);
});

test('metrics: a level that cannot be had counts as a refused write and as a failed read', async () => {
  using folder = temporaryFolder();
  await using node = await loneNode(folder.path);
  const [appended] = await Promise.allSettled([
    fetch(`${node.url}/api/write`, { method: 'POST', body: '{"partitionId":"p","message":"m"}' }),
    fetch(`${node.url}/api/read/p/1`),
  ]);
  expect(appended).toMatchObject({ value: { status: 503 } });
  expect(await sample(node, 'mendlog_reads_total{outcome="failed",consistency="QUORUM",node="n1"}')).toBe(1);
});

test('metrics: reads of keys count by their level, with their time', async () => {
  await using cluster = await TestCluster.start(3);
  const node = cluster.node('n1');
  const reads = (outcome: string, level: string) =>
    sample(node, `mendlog_reads_total{outcome="${outcome}",consistency="${level}",node="n1"}`);
  for (const level of ['ALL', 'ALL', 'ONE']) await fetch(`${node.url}/api/keys/p/k?consistency=${level}`);
  expect([await reads('answered', 'ALL'), await reads('answered', 'ONE')]).toEqual([2, 1]);
  expect(await sample(node, 'mendlog_read_seconds_count{node="n1"}')).toBe(3);

  using folder = temporaryFolder();
  await using lone = await loneNode(folder.path);
  expect((await fetch(`${lone.url}/api/keys/p/k`)).status).toBe(503);
  expect(await sample(lone, 'mendlog_reads_total{outcome="failed",consistency="QUORUM",node="n1"}')).toBe(1);
  expect(await sample(lone, 'mendlog_read_seconds_count{node="n1"}')).toBe(0);
});

test('metrics: a connection that is ended counts by its reason', async () => {
  using folder = temporaryFolder();
  await using node = await loneNode(folder.path);
  const headers = { connection: 'upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' };
  const key = { 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==' };
  const sent = request(`${node.url}/trpc/binary`, { headers: { ...headers, ...key } });
  const answered = once(sent, 'response');
  sent.end();
  await answered;
  const faults = (reason: string) =>
    sample(node, `mendlog_connection_faults_total{reason="${reason}",node="n1"}`);
  expect([await faults('wrong-protocol'), await faults('garbage')]).toEqual([1, 0]);
});

test('metrics: a hint counts for its target until the target has the record', async () => {
  using folder = temporaryFolder();
  await using node = await loneNode(folder.path);
  const body = '{"partitionId":"p","message":"m","consistency":"ONE"}';
  expect((await fetch(`${node.url}/api/write`, { method: 'POST', body })).status).toBe(201);
  expect(await sample(node, 'mendlog_hints_pending_by_target{target="n2",node="n1"}')).toBe(1);
  expect(await sample(node, 'mendlog_hints_total{state="stored",node="n1"}')).toBe(2);
  expect(await sample(node, 'mendlog_writes_total{outcome="acknowledged",consistency="ONE",node="n1"}')).toBe(
    1,
  );
});
