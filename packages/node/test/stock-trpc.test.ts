// Stock tRPC clients over HTTP and WebSocket: the same procedures, typed, with our codes in the errors.
import { type AppRouter, createGateway } from '@mendlog/node';
import {
  createTRPCClient,
  createWSClient,
  httpBatchLink,
  httpLink,
  type TRPCClient,
  wsLink,
} from '@trpc/client';
import { describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { TestCluster } from './test-cluster.js';

/** What any of the links must be able to do. */
async function expectToWork(trpc: TRPCClient<AppRouter>): Promise<void> {
  const { id, version, consistency } = await trpc.records.append.mutate({
    partitionId: 'orders',
    message: 'ä€😀',
  });
  expect(consistency).toBe('QUORUM');
  expect(await trpc.records.read.query({ partitionId: 'orders', id: version })).toMatchObject({
    id,
    message: 'ä€😀',
  });
  const { records } = await trpc.records.scan.query({ partitionId: 'orders', limit: 1000 });
  expect(records.map((record) => record.version)).toContain(version);
  expect((await trpc.cluster.health.query()).status).toBe('UP');
  const absent = await trpc.records.read
    .query({ partitionId: 'orders', id: '999' })
    .catch((error: unknown) => error);
  expect(absent).toMatchObject({
    data: { code: 'NOT_FOUND', httpStatus: 404, mendlog: { code: 'NOT_FOUND' } },
  });
  const bad = await trpc.records.append
    .mutate({ partitionId: 'no spaces', message: 'x' })
    .catch((error: unknown) => error);
  expect(bad).toMatchObject({ data: { code: 'BAD_REQUEST', mendlog: { code: 'BAD_REQUEST' } } });
  expect(JSON.stringify(bad)).not.toContain('node_modules');
}

describe('stock tRPC', () => {
  test('stock tRPC: over HTTP, one call at a time and batched (node, gateway)', async () => {
    await using cluster = await TestCluster.start();
    const nodes = Object.fromEntries(cluster.ids.map((id) => [id, cluster.urlOf(id)]));
    await using gateway = await createGateway({ listen: ['127.0.0.1:0'], nodes });
    for (const url of [cluster.urlOf('n2'), gateway.urls[0] ?? '']) {
      for (const link of [httpLink, httpBatchLink]) {
        const trpc = createTRPCClient<AppRouter>({ links: [link({ url: `${url}/trpc` })] });
        await expectToWork(trpc);
        const many = await Promise.all(
          Array.from({ length: 20 }, (_, i) =>
            trpc.records.append.mutate({ partitionId: 'many', message: `${i}` }),
          ),
        );
        expect(new Set(many.map(({ version }) => version)).size).toBe(20);
      }
    }
  });

  test('stock tRPC: over WebSocket', async () => {
    await using cluster = await TestCluster.start();
    const url = `${cluster.urlOf('n3').replace('http', 'ws')}/trpc`;
    // What browsers and newer versions of Node.js have by themselves.
    Object.assign(globalThis, { WebSocket });
    const socket = createWSClient({ url });
    try {
      await expectToWork(createTRPCClient<AppRouter>({ links: [wsLink({ client: socket })] }));
    } finally {
      await socket.close();
    }
  });
});
