// A node that keeps a write for replicas that are away is killed itself: what it has acknowledged is on its disk.
import { preferenceList } from '@mendlog/core';
import type { Health } from '@mendlog/node';
import { expect, test } from 'vitest';
import { eventually } from './support/eventually.js';
import { NODE_IDS, Nodes } from './support/nodes.js';
import { freeBasePort } from './support/ports.js';
import { temporaryFolder } from './support/temporary-folder.js';

async function post(url: string, body: object): Promise<unknown> {
  const response = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
  return await response.json();
}

test('ANY: what a node has kept for dead primaries survives its own SIGKILL, and comes to all of them (nodes=3, replicas=2)', async () => {
  using folder = temporaryFolder();
  await using nodes = new Nodes(folder.path, await freeBasePort());
  await nodes.start();
  const partitionId = 'orders';
  const { primaries } = preferenceList(partitionId, NODE_IDS, 2);
  const replicas = NODE_IDS.filter((id) => primaries.includes(id));
  const [carrier] = NODE_IDS.filter((id) => !primaries.includes(id));
  if (carrier === undefined) throw new Error('all nodes are primaries');
  await post(`${nodes.urls[carrier]}/api/partitions`, { partitionId, replicationFactor: 2 });
  await nodes.kill(replicas);
  // Its health is DOWN by then, which is an answer of status 503.
  await eventually(
    `${carrier} to see that ${replicas.join(', ')} are down`,
    async (): Promise<Health> => JSON.parse(await (await fetch(`${nodes.urls[carrier]}/api/health`)).text()),
    (health) => health.nodes.filter(({ status }) => status === 'DOWN').length === replicas.length,
  );
  for (const message of ['first', 'second'])
    expect(
      await post(`${nodes.urls[carrier]}/api/write`, { partitionId, message, consistency: 'ANY' }),
    ).toMatchObject({ acks: 0, consistency: 'ANY' });
  await nodes.kill([carrier]);
  await nodes.start();
  await nodes.waitUntilHintsAreReplayed();
  for (const id of replicas) {
    const page = await nodes.get<{ records: { message: string }[] }>(
      id,
      `/api/scan/${partitionId}?consistency=ALL`,
    );
    expect(page.records.map(({ message }) => message)).toEqual(['first', 'second']);
  }
}, 60_000);
