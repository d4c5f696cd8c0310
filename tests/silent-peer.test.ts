// A node falls silent (SIGSTOP) with writes on their way to it: whoever ends meanwhile keeps its hints, and clients go elsewhere.
import { createClient } from '@mendlog/client';
import { preferenceList } from '@mendlog/core';
import type { HintStats } from '@mendlog/node';
import { expect, test } from 'vitest';
import { NODE_IDS, Nodes } from './support/nodes.js';
import { freeBasePort } from './support/ports.js';
import { temporaryFolder } from './support/temporary-folder.js';

const TIMEOUT_MS = 60_000;

/** A partition of which this node is the first primary. */
function partitionOf(nodeId: string): string {
  const names = Array.from({ length: 100 }, (_, i) => `p${i}`);
  return names.find((name) => preferenceList(name, NODE_IDS, 3).primaries[0] === nodeId) ?? '';
}

test(
  'silent peer: its hints survive a node that is asked to end while it waits for the peer (SIGSTOP, SIGTERM)',
  async () => {
    using folder = temporaryFolder();
    await using nodes = new Nodes(folder.path, await freeBasePort());
    await nodes.start();
    const partition = partitionOf('node1');
    await using client = createClient({ nodes: Object.values(nodes.urls) });
    // On all three, so that nothing but what follows waits for node3.
    await client.partition(partition).append('before', { consistency: 'ALL' });
    nodes.signal('node3', 'SIGSTOP');
    for (let i = 0; i < 3; i++) await client.partition(partition).append(`while node3 is silent: ${i}`);
    await nodes.end('node1');
    await nodes.startAlone('node1');
    const { byTarget } = await nodes.get<HintStats>('node1', '/api/hints/stats');
    expect(byTarget).toEqual({ node3: 3 });

    nodes.signal('node3', 'SIGCONT');
    await nodes.waitUntilHintsAreReplayed();
    await nodes.reconcile();
    const { node1, node3 } = await nodes.summaries();
    expect(node3.root).toBe(node1.root);
  },
  TIMEOUT_MS,
);

test(
  'silent peer: a client goes to another node, with the append that got no answer too (SIGSTOP of its coordinator)',
  async () => {
    using folder = temporaryFolder();
    await using nodes = new Nodes(folder.path, await freeBasePort());
    await nodes.start();
    await using client = createClient({ nodes: Object.values(nodes.urls) });
    const lines = client.partition(partitionOf('node3'));
    await lines.append('before');
    nodes.signal('node3', 'SIGSTOP');
    await lines.append('not answered by node3');
    await lines.put('key', 'not asked of node3');
    expect(await lines.get('key')).toMatchObject({ value: 'not asked of node3' });
    nodes.signal('node3', 'SIGCONT');
    const values: unknown[] = [];
    for await (const { value } of lines.scan()) values.push(value);
    expect(values).toEqual(['before', 'not answered by node3', 'not asked of node3']);
  },
  TIMEOUT_MS,
);
