// The dashboards and alerts against a real Prometheus, which scrapes three real nodes through a kill and a repair.
import { bytesCodec, createClient, MendlogError } from '@mendlog/client';
import type { HintStats } from '@mendlog/node';
import { describe, expect, test } from 'vitest';
import { eventually } from '../tests/support/eventually.js';
import { NODE_IDS, Nodes } from '../tests/support/nodes.js';
import { freeBasePort } from '../tests/support/ports.js';
import { temporaryFolder } from '../tests/support/temporary-folder.js';
import { Writer } from '../tests/support/writer.js';
import { legendLabels, type Panel, readDashboards, substituted, type Target } from './support/dashboards.js';
import { Prometheus, promtool, RATE_INTERVAL } from './support/prometheus.js';

const PARTITIONS = ['app', 'auth', 'billing', 'cron', 'db', 'edge'];
const OUTSTANDING = 16;
/** Appended while node3 is down, and lacking there until somebody reads them. */
const MISSED = 'missed';
const MISSED_COUNT = 20;
/** A healthy run draws these at 0. */
const FLAT_GRAPHS = new Set(['Write queue']);

async function post(url: string, path: string, body: object): Promise<Response> {
  return await fetch(`${url}${path}`, { method: 'POST', body: JSON.stringify(body) });
}

/** Reads one record after another until it is told to stop; while a node dies, some fail. */
function reader(client: ReturnType<typeof createClient>): { stop(): Promise<void> } {
  let stopped = false;
  const work = async () => {
    for (let i = 0; !stopped; i++) {
      try {
        await client.partition(PARTITIONS[i % PARTITIONS.length] ?? '', { codec: bytesCodec }).read(1);
      } catch (error) {
        if (!(error instanceof MendlogError)) throw error;
      }
    }
  };
  const done = Promise.allSettled([work()]);
  return {
    async stop() {
      stopped = true;
      const [ended] = await done;
      if (ended.status === 'rejected') throw ended.reason;
    },
  };
}

/** Writes, kills node3, loses its hints, refuses what cannot be had, and repairs: until Prometheus has seen each. */
async function breakAndMend(nodes: Nodes, prometheus: Prometheus): Promise<void> {
  const seen = (what: string, expression: string, holds: (sum: number) => boolean) =>
    eventually(`Prometheus to see ${what}`, () => prometheus.sum(expression), holds);
  const { node1: url } = nodes.urls;

  await seen('all nodes up', 'up{job="mendlog"}', (up) => up === 3);
  await seen('writes', `rate(mendlog_records_written_total[${RATE_INTERVAL}])`, (rate) => rate > 0);
  await seen('reads', `rate(mendlog_reads_total[${RATE_INTERVAL}])`, (rate) => rate > 0);

  await nodes.kill(['node3']);
  await nodes.waitUntilSeenDown('node3', ['node1', 'node2']);
  for (let i = 0; i < MISSED_COUNT; i++)
    expect((await post(url, '/api/write', { partitionId: MISSED, message: `missed ${i}` })).status).toBe(201);
  expect(
    (await post(url, '/api/write', { partitionId: MISSED, message: 'no', consistency: 'ALL' })).status,
  ).toBe(503);
  expect((await fetch(`${url}/api/read/${MISSED}/1?consistency=ALL`)).status).toBe(503);
  expect((await post(url, '/api/coordinator/trigger', { partitionId: MISSED })).status).toBe(202);
  await seen('node3 down', 'up{node="node3"}', (up) => up === 0);
  await seen('hints', 'mendlog_hints_oldest_age_seconds{target="node3"}', (age) => age > 0);
  await seen('failed jobs', 'mendlog_reconciliation_jobs_failed_total', (failed) => failed > 0);
  await eventually(
    'an alert for node3',
    () => prometheus.alerts(),
    (alerts) =>
      alerts.some(({ labels }) => labels.alertname === 'MendlogNodeDown' && labels.node === 'node3'),
  );

  // Jobs wait until reads have repaired what the lost hints would have brought.
  await Promise.all([url, nodes.urls.node2].map((node) => post(node, '/api/coordinator/pause', {})));
  await Promise.all([url, nodes.urls.node2].map((node) => post(node, '/api/hints/drop', {})));
  await seen('lost hints', 'mendlog_hints_total{state="dropped"}', (dropped) => dropped >= MISSED_COUNT);
  await seen('a waiting job', 'mendlog_reconciliation_oldest_pending_seconds', (age) => age > 0);
  await nodes.start(['node3']);
  for (let id = 1; id <= MISSED_COUNT; id++)
    expect((await fetch(`${url}/api/read/${MISSED}/${id}?consistency=ALL`)).status).toBe(200);
  await seen('read repairs', 'read_repairs_triggered_total', (repairs) => repairs > 0);
  await Promise.all([url, nodes.urls.node2].map((node) => post(node, '/api/coordinator/resume', {})));
  await seen('repaired records', 'mendlog_records_repaired_total', (records) => records > 0);
  await eventually(
    'no hint to be left',
    () => nodes.get<HintStats>('node1', '/api/hints/stats'),
    ({ pending }) => pending === 0,
  );
  await seen('no waiting job', 'mendlog_jobs{status=~"PENDING|RUNNING"}', (jobs) => jobs === 0);
  expect(
    (await post(url, '/api/merkle/build', { partitionId: MISSED, nodeUrl: 'http://node1:8081' })).status,
  ).toBe(200);
  await seen('a kept tree', 'mendlog_merkle_cached_trees', (trees) => trees > 0);
}

/** What is wrong with the answer to a panel's query, in words; nothing where it has data. */
async function faultsOf(
  panel: Panel,
  target: Target,
  prometheus: Prometheus,
  fromMs: number,
): Promise<string[]> {
  const expression = substituted(target.expr, {
    node: '.*',
    __rate_interval: RATE_INTERVAL,
    __range: `${Math.ceil((Date.now() - fromMs) / 1000)}s`,
  });
  const series = target.instant
    ? await prometheus.query(expression)
    : await prometheus.queryRange(expression, fromMs);
  const values = series.flatMap((one) => one.values);
  const faults: string[] = [];
  if (values.length === 0) faults.push('has no data');
  else if (!target.instant && !FLAT_GRAPHS.has(panel.title) && Math.max(...values) <= 0)
    faults.push('never rises above 0');
  for (const label of legendLabels(target.legendFormat))
    if (series.some(({ metric }) => metric[label] === undefined)) faults.push(`has no label ${label}`);
  return faults.map((fault) => `${panel.title}: ${expression} ${fault}`);
}

describe('dashboards', () => {
  const dashboards = readDashboards();

  test('dashboards: the three are there, and their names and places are their own', () => {
    expect(dashboards.map(({ title }) => title)).toEqual([
      'Anti-Entropy Overview',
      'Consistency Metrics',
      'Storage Node Metrics',
    ]);
    expect(new Set(dashboards.map(({ uid }) => uid)).size).toBe(3);
    for (const { title, panels } of dashboards) {
      expect(new Set(panels.map(({ id }) => id)).size, title).toBe(panels.length);
      const overlaps = panels.flatMap((a, i) =>
        panels.slice(i + 1).flatMap((b) => (overlap(a.gridPos, b.gridPos) ? [`${a.title}, ${b.title}`] : [])),
      );
      expect(overlaps, title).toEqual([]);
      for (const { type, targets, description } of panels.filter(({ type }) => type !== 'row')) {
        expect(targets, type).not.toHaveLength(0);
        expect(description).toMatch(/\.$/);
        for (const { datasource } of targets ?? [])
          expect(datasource).toEqual({ type: 'prometheus', uid: `\${datasource}` });
      }
    }
  });

  test('alerts: promtool accepts the configuration and the rules, and their tests pass', () => {
    promtool('check', 'config', 'prometheus.yml');
    promtool('check', 'rules', 'alerts.yml');
    promtool('test', 'rules', 'alerts.test.yml');
  });

  test('dashboards: every query of every panel has data (nodes=3, killed=1, repaired)', async () => {
    using folder = temporaryFolder();
    const basePort = await freeBasePort();
    await using nodes = new Nodes(folder.path, basePort);
    await nodes.start();
    const fromMs = Date.now();
    await using prometheus = await Prometheus.start({
      folder: folder.path,
      port: basePort + 4,
      targets: NODE_IDS.map((id) => new URL(nodes.urls[id]).host),
    });
    await using client = createClient({ nodes: Object.values(nodes.urls) });
    const writer = new Writer(client, PARTITIONS, OUTSTANDING);
    const reading = reader(client);
    await breakAndMend(nodes, prometheus);

    for (const { templating } of dashboards) {
      const node = templating.list.find(({ name }) => name === 'node');
      expect(node?.definition).toBe('label_values(mendlog_records, node)');
    }
    const queries = dashboards.flatMap(({ panels }) =>
      panels.flatMap((panel) => (panel.targets ?? []).map((target) => ({ panel, target }))),
    );
    // The last scrape may lie after the last step of a range: hence not once.
    await eventually(
      'every query to have data',
      async () => {
        const faults: string[] = [];
        for (const { panel, target } of queries)
          faults.push(...(await faultsOf(panel, target, prometheus, fromMs)));
        return faults;
      },
      (faults) => faults.length === 0,
    );
    await Promise.all([writer.stop(), reading.stop()]);
    console.log(`${queries.length} queries of ${dashboards.length} dashboards, ${writer.account}`);
    expect(await prometheus.labelValues('node', 'mendlog_records')).toEqual([...NODE_IDS]);

    // An alert on a misspelt metric would never fire and never fail.
    const names = new Set(await prometheus.labelValues('__name__'));
    const expressions = await prometheus.alertExpressions();
    expect(expressions.size).toBeGreaterThan(10);
    for (const [alert, expression] of expressions) {
      await prometheus.query(expression);
      const unknown = metricsOf(expression).filter((name) => !names.has(name));
      expect(unknown, alert).toEqual([]);
    }
  });
});

/** What stands before a selector's braces or a range, and what is compared alone. */
function metricsOf(expression: string): string[] {
  return [...expression.matchAll(/\b((?:mendlog|nodejs|process)_\w+|\w+_total|up|hints_pending)\b/g)].map(
    ([name]) => name,
  );
}

function overlap(a: Panel['gridPos'], b: Panel['gridPos']): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}
