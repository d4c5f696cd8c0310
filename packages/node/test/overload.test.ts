// More than a node takes: what clients do and see, whatever way they call. The coordinator is one that a test holds.
import { bytesCodec, createClient, type Partition } from '@mendlog/client';
import { LIMITS, MendlogError, refusedWrite, toMendlogError, type WriteOutcome } from '@mendlog/core';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { NodeCoordinator } from '../src/coordinator/node-coordinator.js';
import { createNode, type MendlogNode } from '../src/node.js';
import { eventually } from './eventually.js';
import { version } from './records.js';
import { temporaryFolder } from './temporary-folder.js';

const VALUE = Buffer.from('x');
const ONCE = { idempotent: false } as const;
/** As many requests of a client as may be under way to one node. */
const UNDER_WAY_MAX = 16;

const folder = temporaryFolder();
let node: MendlogNode;

beforeAll(async () => {
  node = await createNode({ id: 'n1', dataDir: folder.path, listen: '127.0.0.1:0', replicationFactor: 1 });
});

afterAll(async () => {
  await node.close();
  folder[Symbol.dispose]();
});

afterEach(() => {
  vi.restoreAllMocks();
});

/** Holds every write that comes until it is let go, or its caller is gone. */
function held(): { requests: number; letGo: () => void } {
  let letGo = () => {};
  const isFree = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const state = { requests: 0, letGo };
  vi.spyOn(NodeCoordinator.prototype, 'write').mockImplementation(async (groups, _options, caller) => {
    state.requests++;
    const gone = new Promise<void>((resolve) => caller?.signal?.addEventListener('abort', () => resolve()));
    await Promise.race([isFree, gone]);
    return groups.map(
      (): WriteOutcome => ({
        ok: true,
        firstCounter: 1,
        origin: version(1, 9).origin,
        acks: 1,
        level: 'ONE',
      }),
    );
  });
  return state;
}

/** Calls until one is refused. Returns what becomes of those before it, by code. */
async function callUntilRefused(partition: Partition<Uint8Array>): Promise<Promise<string>[]> {
  const calls: Promise<string>[] = [];
  const call = async () => {
    try {
      await partition.append(VALUE, ONCE);
      return 'done';
    } catch (thrown) {
      return toMendlogError(thrown).code;
    }
  };
  await eventually(
    { for: 'a call to be refused' },
    async () => {
      const called = call();
      const isRefused = await Promise.race([
        called.then((code) => code === 'OVERLOADED'),
        new Promise<boolean>((resolve) => setImmediate(() => setImmediate(() => resolve(false)))),
      ]);
      if (!isRefused) calls.push(called);
      return isRefused;
    },
    Boolean,
  );
  return calls;
}

describe('overload', () => {
  test('overload: a client refuses what comes while the oldest waits too long, and what it let in is done (SPEC I8)', async () => {
    const state = held();
    await using client = createClient({ nodes: [node.url], timeoutMs: 8000 });
    const partition = client.partition('p', { codec: bytesCodec });
    const calls = await callUntilRefused(partition);
    expect(state.requests).toBe(UNDER_WAY_MAX);
    expect(calls.length).toBeGreaterThan(UNDER_WAY_MAX);
    state.letGo();
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['done']));
    await partition.append(VALUE, ONCE);
  });

  test('overload: what has waited in a client until its time was over is not sent', async () => {
    const state = held();
    await using client = createClient({ nodes: [node.url], timeoutMs: 600 });
    const partition = client.partition('p', { codec: bytesCodec });
    // A request each, called in one turn: no answer makes room for more than may be under way.
    const value = new Uint8Array(LIMITS.batchBytesTarget);
    const calls = Array.from({ length: 4 * UNDER_WAY_MAX }, () => partition.append(value, ONCE));
    const ended = await Promise.allSettled(calls);
    const codes = ended.map((call) => (call.status === 'rejected' ? toMendlogError(call.reason).code : ''));
    const [sent, unsent] = ['CONNECTION_LOST', 'REQUEST_TIMEOUT'].map(
      (code) => codes.filter((one) => one === code).length,
    );
    expect(sent).toBe(state.requests);
    expect(unsent).toBe(calls.length - state.requests);
    expect(unsent).toBeGreaterThan(0);
  });

  const BUSY = new MendlogError('OVERLOADED', 'too many writes are waiting', {
    details: { retryAfterMs: 1200 },
  });

  function busy(times = Number.POSITIVE_INFINITY): { requests: number } {
    const state = { requests: 0 };
    const spy = vi.spyOn(NodeCoordinator.prototype, 'write').mockImplementation(async (groups) => {
      state.requests++;
      if (state.requests >= times) spy.mockRestore();
      return groups.map(() => refusedWrite(BUSY));
    });
    return state;
  }

  test.each([
    ['REST', '/api/write'],
    ['tRPC', '/trpc/records.append'],
  ])('overload: over HTTP it is a 503 that says when to try again (%s)', async (_, path) => {
    busy();
    const body = JSON.stringify({ partitionId: 'p', message: 'x' });
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${node.url}${path}`, { method: 'POST', body, headers });
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '2']);
    expect(JSON.stringify(await response.json())).toContain('"OVERLOADED"');
  });

  test('overload: an append that a busy node refuses goes through when it is no more, a put is refused', async () => {
    await using client = createClient({ nodes: [node.url] });
    const partition = client.partition('p', { codec: bytesCodec });
    busy();
    await expect(partition.put('k', VALUE)).rejects.toMatchObject({
      code: 'OVERLOADED',
      details: { retryAfterMs: 1200 },
    });
    vi.restoreAllMocks();
    const state = busy(1);
    expect(await partition.append(VALUE)).toMatchObject({ acks: 1 });
    expect(state.requests).toBe(1);
  });
});
