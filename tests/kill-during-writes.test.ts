// Nodes die by SIGKILL while 256 appends are outstanding: what was acknowledged must be on every replica in the end.
import { createClient } from '@mendlog/client';
import { preferenceList } from '@mendlog/core';
import { describe, expect, test } from 'vitest';
import { eventually } from './support/eventually.js';
import { NODE_IDS, Nodes } from './support/nodes.js';
import { freeBasePort } from './support/ports.js';
import { temporaryFolder } from './support/temporary-folder.js';
import { Writer } from './support/writer.js';

const TIMEOUT_MS = 180_000;
const OUTSTANDING = 256;
const PARTITIONS = ['app', 'auth', 'billing', 'cron', 'db', 'edge', 'jobs', 'mail', 'search'];
/** Appends acknowledged in each phase: enough that a kill meets some in every stage. */
const PER_PHASE = 1000;
const NOTHING_WRONG = { missing: [], altered: [], strange: [] };

/** The coordinator of a partition is the first of its primaries while all are alive. */
function coordinatedBy(nodeId: string): string[] {
  return PARTITIONS.filter((name) => preferenceList(name, NODE_IDS, 3).primaries[0] === nodeId);
}

async function untilMoreAreAcknowledged(writer: Writer): Promise<void> {
  const before = writer.acknowledged;
  await eventually(
    `${PER_PHASE} more acknowledgements`,
    () => writer.acknowledged - before,
    (more) => more >= PER_PHASE,
  );
}

/** Heals, then checks that the replicas are equal by their own digests. Returns how many records each holds. */
async function heal(nodes: Nodes): Promise<number> {
  await nodes.waitUntilHintsAreReplayed();
  await nodes.reconcile();
  const { node1, node2, node3 } = await nodes.summaries();
  expect(node2).toEqual({ ...node1, node: 'node2' });
  expect(node3).toEqual({ ...node1, node: 'node3' });
  return node1.partitions.reduce((sum, { records }) => sum + records, 0);
}

/** Reads each replica with the two others dead, so that none can answer for it. */
async function checkEachReplicaAlone(nodes: Nodes, writer: Writer, records: number): Promise<void> {
  await nodes.kill();
  for (const nodeId of NODE_IDS) {
    await nodes.startAlone(nodeId);
    await using client = createClient({ nodes: [nodes.urls[nodeId]], consistency: 'ONE' });
    expect({ nodeId, ...(await writer.compare(client)) }).toEqual({
      nodeId,
      read: records,
      ...NOTHING_WRONG,
    });
    await nodes.kill([nodeId]);
  }
}

describe('kill during writes', () => {
  test.each(NODE_IDS)('every node coordinates some of the partitions (node=%s)', (nodeId) => {
    expect(coordinatedBy(nodeId)).not.toEqual([]);
  });

  test(
    'no acknowledged record is missing on any replica (nodes=3, killed=one after another, outstanding=256)',
    async () => {
      using folder = temporaryFolder();
      await using nodes = new Nodes(folder.path, await freeBasePort());
      await nodes.start();
      await using client = createClient({ nodes: Object.values(nodes.urls) });
      const writer = new Writer(client, PARTITIONS, OUTSTANDING);
      for (const nodeId of NODE_IDS) {
        await untilMoreAreAcknowledged(writer);
        await nodes.kill([nodeId]);
        await untilMoreAreAcknowledged(writer);
        await nodes.start([nodeId]);
      }
      await untilMoreAreAcknowledged(writer);
      await writer.stop();
      console.log(`one after another: ${writer.account}`);
      await checkEachReplicaAlone(nodes, writer, await heal(nodes));
    },
    TIMEOUT_MS,
  );

  test(
    'every acknowledged record is there after a restart (nodes=3, killed=all at once, outstanding=256)',
    async () => {
      using folder = temporaryFolder();
      await using nodes = new Nodes(folder.path, await freeBasePort());
      await nodes.start();
      await using writing = createClient({ nodes: Object.values(nodes.urls) });
      const writer = new Writer(writing, PARTITIONS, OUTSTANDING);
      await untilMoreAreAcknowledged(writer);
      await nodes.kill();
      await writer.stop();
      console.log(`all at once: ${writer.account}`);

      await nodes.start();
      // A client of its own: the other one may pause for a second before it tries to connect again.
      await using client = createClient({ nodes: Object.values(nodes.urls) });
      // A quorum has it already, before hints and anti-entropy have brought it everywhere.
      expect(await writer.compare(client)).toMatchObject(NOTHING_WRONG);
      const records = await heal(nodes);
      expect(await writer.compare(client)).toEqual({ read: records, ...NOTHING_WRONG });
    },
    TIMEOUT_MS,
  );
});
