// Who waits for a call travels with it, hop by hop: whatever way it came, the coordinator learns that nobody does any more.
import { once } from 'node:events';
import { request } from 'node:http';
import { join } from 'node:path';
import {
  type Caller,
  callerGone,
  encodeDraft,
  encodePacked,
  PATIENT,
  packItems,
  preferenceList,
  refusedWrite,
} from '@mendlog/core';
import { Connection } from '@mendlog/transport/connection';
import { createTRPCClient, httpLink } from '@trpc/client';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { abandonmentOf, RequestCaller } from '../src/api/request-caller.js';
import type { AppRouter, BinaryRouter } from '../src/api/router.js';
import { NodeCoordinator } from '../src/coordinator/node-coordinator.js';
import { createGateway, type Gateway } from '../src/gateway/gateway.js';
import { createNode, type MendlogNode } from '../src/node.js';
import { eventually } from './eventually.js';
import { temporaryFolder } from './temporary-folder.js';

const LISTEN = '127.0.0.1:0';
const folder = temporaryFolder();
/** Coordinates the partition. */
let node: MendlogNode;
/** Has no replica of it. */
let other: MendlogNode;
let gateway: Gateway;

const partition = Array.from({ length: 100 }, (_, i) => `p${i}`).find(
  (name) => preferenceList(name, ['a', 'b'], 1).primaries[0] === 'b',
);
if (partition === undefined) throw new Error('no partition belongs to b');
const group = () => packItems(partition, [encodeDraft({ value: Buffer.from('x') })]);

beforeAll(async () => {
  node = await createNode({ id: 'b', dataDir: join(folder.path, 'b'), listen: LISTEN, replicationFactor: 1 });
  const peers = { b: node.url };
  other = await createNode({
    id: 'a',
    dataDir: join(folder.path, 'a'),
    listen: LISTEN,
    replicationFactor: 1,
    peers,
  });
  gateway = await createGateway({ listen: [LISTEN], nodes: peers, replicationFactor: 1 });
});

afterAll(async () => {
  await Promise.all([gateway.close(), other.close(), node.close()]);
  folder[Symbol.dispose]();
});

afterEach(() => {
  vi.restoreAllMocks();
});

/** Writes that a coordinator has got, each held until nobody waits for it. */
function heldWrites(): Caller[] {
  const callers: Caller[] = [];
  vi.spyOn(NodeCoordinator.prototype, 'write').mockImplementation(async (groups, _options, caller) => {
    callers.push(caller ?? PATIENT);
    await new Promise<void>((resolve) => caller?.signal?.addEventListener('abort', () => resolve()));
    return groups.map(() => refusedWrite(callerGone()));
  });
  return callers;
}

async function connected(url: string): Promise<Connection<BinaryRouter>> {
  const connection = new Connection<BinaryRouter>({ url });
  expect(await connection.waitUntilOpen(10_000)).toBe(true);
  return connection;
}

const batch = () => ({ packed: encodePacked([group()]) });
const message = () => ({ partitionId: partition, message: 'x' });
/** How a call is made; what it returns takes it back. */
type Way = () => Promise<() => void>;

const WAYS: readonly [way: string, call: Way][] = [
  [
    'a binary connection',
    async () => {
      const connection = await connected(node.url);
      const controller = new AbortController();
      connection.call.batches.write.mutate(batch(), { signal: controller.signal }).catch(() => {});
      return () => {
        controller.abort();
        setImmediate(() => connection.close());
      };
    },
  ],
  [
    'a binary connection that ends',
    async () => {
      const connection = await connected(node.url);
      connection.call.batches.write.mutate(batch()).catch(() => {});
      return () => connection.close();
    },
  ],
  [
    'another node',
    async () => {
      const controller = new AbortController();
      void other.service.write([group()], {}, new RequestCaller(abandonmentOf(controller.signal)));
      return () => controller.abort();
    },
  ],
  [
    'a gateway',
    async () => {
      const connection = await connected(gateway.urls[0] ?? '');
      connection.call.batches.write.mutate(batch()).catch(() => {});
      return () => connection.close();
    },
  ],
  [
    'REST',
    async () => {
      const sent = request(`${node.url}/api/write`, { method: 'POST' }).on('error', () => {});
      sent.end(JSON.stringify(message()));
      return () => sent.destroy();
    },
  ],
  [
    'REST of a gateway',
    async () => {
      const sent = request(`${gateway.urls[0]}/api/write`, { method: 'POST' }).on('error', () => {});
      sent.end(JSON.stringify(message()));
      return () => sent.destroy();
    },
  ],
  [
    'tRPC over HTTP',
    async () => {
      const trpc = createTRPCClient<AppRouter>({ links: [httpLink({ url: `${node.url}/trpc` })] });
      const controller = new AbortController();
      trpc.records.append.mutate(message(), { signal: controller.signal }).catch(() => {});
      return () => controller.abort();
    },
  ],
  [
    'tRPC over WebSocket',
    async () => {
      const socket = new WebSocket(`${node.url.replace('http', 'ws')}/trpc`);
      await once(socket, 'open');
      const params = { path: 'records.append', input: message() };
      socket.send(JSON.stringify({ id: 1, method: 'mutation', params }));
      return () => socket.terminate();
    },
  ],
];

describe('callers', () => {
  test.each(WAYS)('callers: the coordinator learns that a caller has gone (%s)', async (_, call) => {
    const held = heldWrites();
    const takeBack = await call();
    const [caller] = await eventually(
      { for: 'the write to come' },
      () => held,
      (callers) => callers.length === 1,
    );
    expect(caller?.isGone).toBe(false);
    takeBack();
    await eventually(
      { for: 'the coordinator to learn it' },
      () => caller?.isGone,
      (isGone) => isGone === true,
    );
  });

  const TIMEOUT_MS = 3000;

  test.each<[way: string, urlOf: () => string]>([
    ['the coordinator itself', () => node.url],
    ['another node', () => other.url],
    ['a gateway', () => gateway.urls[0] ?? ''],
  ])('callers: no hop has more time than the call (%s)', async (_, urlOf) => {
    const held = heldWrites();
    const connection = await connected(urlOf());
    const context = { timeoutMs: TIMEOUT_MS };
    connection.call.batches.write.mutate(batch(), { context }).catch(() => {});
    const [caller] = await eventually(
      { for: 'the write to come' },
      () => held,
      (callers) => callers.length === 1,
    );
    expect(caller?.deadlineMs).toBeLessThanOrEqual(performance.now() + TIMEOUT_MS);
    connection.close();
  });

  test('callers: a call whose deadline has passed is not begun', async () => {
    const held = heldWrites();
    const connection = await connected(node.url);
    const late = connection.call.batches.write.mutate(batch(), { context: { timeoutMs: 1e-6 } });
    // The client's own timer, or the node's refusal, whichever comes first.
    const codes = /^(CONNECTION_LOST|REQUEST_TIMEOUT)$/;
    await expect(late).rejects.toMatchObject({ cause: { code: expect.stringMatching(codes) } });
    await connection.call.cluster.layout.query();
    expect(held).toEqual([]);
    connection.close();
  });

  test.each<[what: string, nodeOf: () => MendlogNode]>([
    ['here', () => node],
    ['by another node', () => other],
  ])('callers: nothing is written for a caller that has gone (to be coordinated %s)', async (_, nodeOf) => {
    const before = (await node.service.partition(partition).catch(() => undefined))?.records ?? 0;
    const caller = new RequestCaller(abandonmentOf(AbortSignal.abort()));
    const gone = { ok: false, error: { code: 'REQUEST_TIMEOUT' } };
    expect(await nodeOf().service.write([group()], {}, caller)).toMatchObject([gone]);
    expect(await nodeOf().service.write([group()], {})).toMatchObject([{ ok: true }]);
    expect((await node.service.partition(partition)).records).toBe(before + 1);
  });
});
