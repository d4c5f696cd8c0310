/** Calls a node with a stock tRPC client, typed end to end by a type-only import: `node examples/dist/stock-trpc.js`. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AppRouter, createNode } from '@mendlog/node';
import { createTRPCClient, httpBatchLink } from '@trpc/client';

const dataDir = await mkdtemp(join(tmpdir(), 'mendlog-example-'));
{
  await using node = await createNode({ id: 'node1', dataDir, listen: '127.0.0.1:0' });
  const trpc = createTRPCClient<AppRouter>({ links: [httpBatchLink({ url: `${node.url}/trpc` })] });

  const { id, version } = await trpc.records.append.mutate({ partitionId: 'orders', message: 'one coffee' });
  const { message } = await trpc.records.read.query({ partitionId: 'orders', id: version });
  const { partitions } = await trpc.partitions.list.query({});
  console.log(id, message, partitions.map(({ partitionId, records }) => `${partitionId}: ${records}`).join());
}
await rm(dataDir, { recursive: true });
