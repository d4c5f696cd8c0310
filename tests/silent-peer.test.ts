// A peer falls silent (SIGSTOP) with writes on their way to it: whoever ends meanwhile keeps its hints.
import { createClient } from '@mendlog/client';
import { preferenceList } from '@mendlog/core';
import type { HintStats } from '@mendlog/node';
import { expect, test } from 'vitest';
import { NODE_IDS, Nodes } from './support/nodes.js';
import { freeBasePort } from './support/ports.js';
import { temporaryFolder } from './support/temporary-folder.js';

const TIMEOUT_MS = 60_000;

test(
  'silent peer: its hints survive a node that is asked to end while it waits for the peer (SIGSTOP, SIGTERM)',
  async () => {
    using folder = temporaryFolder();
    await using nodes = new Nodes(folder.path, await freeBasePort());
    await nodes.start();
    const names = Array.from({ length: 100 }, (_, i) => `p${i}`);
    const partition = names.find((name) => preferenceList(name, NODE_IDS, 3).primaries[0] === 'node1') ?? '';
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
