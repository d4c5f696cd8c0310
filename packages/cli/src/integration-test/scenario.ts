/**
 * The scenario: a replica dies, falls behind, and is brought up to date in all three ways, read repair,
 * hints and anti-entropy; then everything dies at once. What each replica holds is compared record by
 * record, by reading it alone.
 */
import { join } from 'node:path';
import { type Client, createClient } from '@mendlog/client';
import { type ClusterProcesses, NODE_IDS } from '../cluster-processes.js';
import type { GatewayApi } from '../gateway-api.js';
import { Written } from '../written.js';
import { madeLines } from './made-lines.js';
import { differences, digestOf, type ReplicaRecords, readReplica, recordName } from './replica-records.js';
import { must, type Steps } from './steps.js';

export interface Stage {
  readonly cluster: ClusterProcesses;
  readonly dataDir: string;
  readonly api: GatewayApi;
  readonly client: Client;
  readonly steps: Steps;
}

const VICTIM = 'node3';
const PARTITIONS = ['orders', 'payments', 'sessions', 'audit'];
const LINES_EACH = 1000;
const SHARE_BEFORE_KILL = 0.6;
const SHARE_OF_HINTS_DROPPED = 0.5;
const READS_AT_ONCE = 16;

export async function playScenario({ cluster, dataDir, api, client, steps }: Stage): Promise<void> {
  const lines = madeLines(PARTITIONS, LINES_EACH);
  const written = new Written(client);
  const write = async (from: number, to: number) => {
    const startedMs = performance.now();
    const done = await written.write(lines, from, to, () => {});
    const perSecond = Math.round(done / ((performance.now() - startedMs) / 1000));
    return `${done} records acknowledged at QUORUM, ${perSecond}/s`;
  };
  let missing = 0;
  let roots = '';

  await steps.step('three nodes and a gateway come up', async () => {
    await cluster.start();
    await api.waitForHealth('UP');
    // Left alone, the cluster would mend itself before a step could show what was missing.
    await api.pauseAntiEntropy();
    return `gateway ${cluster.gatewayUrl}`;
  });
  await steps.step('writes are acknowledged', () => write(0, SHARE_BEFORE_KILL));
  await steps.step(`writes go on with ${VICTIM} killed by SIGKILL`, async () => {
    await cluster.kill(VICTIM);
    const wrote = await write(SHARE_BEFORE_KILL, 1);
    must(written.acknowledged === PARTITIONS.length * LINES_EACH, 'not every record was acknowledged');
    return wrote;
  });
  await steps.step(`hints are kept for ${VICTIM}, and dropping some loses them`, async () => {
    const pending = await api.waitForStableHints();
    const dropped = await api.dropHints(VICTIM, SHARE_OF_HINTS_DROPPED);
    must(dropped > 0 && dropped < pending, `${dropped} of ${pending} hints were dropped`);
    return `${pending} kept, ${dropped} dropped`;
  });
  await steps.step(`${VICTIM} returns and the other hints are replayed`, async () => {
    await cluster.startNode(VICTIM);
    await api.waitForHealth('UP');
    await api.pauseAntiEntropy();
    const { replayed } = await api.waitUntilHintsAreReplayed(() => {});
    missing = await api.missingOn(VICTIM);
    must(replayed > 0, 'no hint was replayed');
    must(missing > 0, `${VICTIM} lacks nothing, so there is nothing to repair`);
    return `${replayed} replayed, ${missing} records still missing on ${VICTIM}`;
  });
  await steps.step('reads at ALL repair what they read on the stale replica', async () => {
    const byPartition = [...(await api.missingByPartition(VICTIM))].sort(([, a], [, b]) => b - a);
    const partition = byPartition[0]?.[0] ?? '';
    // The rest is for anti-entropy. Not every other record: of the hints it may be every other that was dropped.
    const versions = [...written.acknowledgedIn(partition).keys()].filter((_, i) => i % 3 === 0);
    const repaired = await countRepairs(api, partition, versions);
    const left = await api.missingOn(VICTIM);
    const read = `${versions.length} records of ${partition} read`;
    must(repaired > 0, `${read}, none repaired, ${left} still missing`);
    must(left === missing - repaired, `${missing} were missing, ${repaired} repaired, and ${left} are left`);
    must(left > 0, 'nothing is left for anti-entropy');
    missing = left;
    return `${read}, ${repaired} repaired, ${left} still missing`;
  });
  await steps.step('reconciliation brings exactly the missing records', async () => {
    const jobs = await api.reconcile(() => {});
    const repaired = jobs.reduce((sum, job) => sum + job.recordsRepaired, 0);
    const bytes = jobs.reduce((sum, job) => sum + job.bytesSent + job.bytesReceived, 0);
    must(repaired === missing, `${repaired} records were streamed, and ${missing} were missing`);
    return `${repaired} records streamed by ${jobs.length} jobs, ${bytes} bytes`;
  });
  await steps.step('the roots of the replicas are equal', async () => {
    roots = await equalRoot(api);
    return roots;
  });
  await steps.step('every record is read back at QUORUM', () => readBack(written, client));
  await steps.step('all three killed at once hold the same records, each read alone', async () => {
    await Promise.all(NODE_IDS.map((nodeId) => cluster.kill(nodeId)));
    return await compareReplicas(dataDir, written);
  });
  await steps.step('all three return at once and serve what they held', async () => {
    await Promise.all(NODE_IDS.map((nodeId) => cluster.startNode(nodeId)));
    await api.waitForHealth('UP');
    const root = await equalRoot(api);
    must(root === roots, `the root was ${roots} and is ${root}`);
    // A client of its own: the other one may pause for a second before it connects again.
    await using reader = createClient({ nodes: Object.values(cluster.nodeUrls) });
    return await readBack(written, reader);
  });
  await steps.step('ended in order they hold the same records, each read alone', async () => {
    await cluster.stop();
    return await compareReplicas(dataDir, written);
  });
}

async function countRepairs(
  api: GatewayApi,
  partition: string,
  versions: readonly string[],
): Promise<number> {
  let repaired = 0;
  const open = versions.values();
  const readers = Array.from({ length: READS_AT_ONCE }, async () => {
    for (const version of open) if (await api.readRepairs(partition, version)) repaired++;
  });
  await Promise.all(readers);
  return repaired;
}

async function equalRoot(api: GatewayApi): Promise<string> {
  const roots = Object.entries(await api.roots());
  const distinct = new Set(roots.map(([, root]) => root));
  const said = roots.map(([nodeId, root]) => `${nodeId} ${root}`).join(', ');
  must(roots.length === NODE_IDS.length && distinct.size === 1, `the roots differ: ${said}`);
  return [...distinct].join();
}

async function readBack(written: Written, client: Client): Promise<string> {
  const { read, missing, altered, strange } = await written.compare(() => {}, client);
  const said = `${read} read, ${missing} missing, ${altered} altered, ${strange} never written`;
  must(missing + altered + strange === 0, said);
  return said;
}

/** Each replica against the first, and the first against what was acknowledged. */
async function compareReplicas(dataDir: string, written: Written): Promise<string> {
  const replicas: ReplicaRecords[] = [];
  for (const nodeId of NODE_IDS) replicas.push(await readReplica(nodeId, join(dataDir, nodeId), PARTITIONS));
  const [first, ...others] = replicas;
  if (first === undefined) throw new TypeError('there is no replica to compare');
  for (const other of others) {
    const [different] = differences(first, other);
    must(different === undefined, `two replicas differ in ${different}`);
  }
  for (const partition of PARTITIONS) {
    for (const [version, line] of written.acknowledgedIn(partition)) {
      const name = recordName(partition, version);
      must(first.get(name) === digestOf(line), `${name} is not stored as it was acknowledged`);
    }
  }
  const surplus = first.size - written.acknowledged;
  must(
    surplus >= 0 && surplus <= written.unknownOutcomes,
    `${first.size} are stored and ${written.acknowledged} were acknowledged`,
  );
  return `${replicas.map((records) => records.size).join(', ')} records, equal one by one`;
}
