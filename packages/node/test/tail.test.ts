// Following a partition through the client: order, resuming, ends from either side, and a slow consumer.
import { rm } from 'node:fs/promises';
import {
  bytesCodec,
  type Client,
  createClient,
  type Partition,
  type TailCursor,
  type TailedRecord,
  type TailOptions,
  textCodec,
} from '@mendlog/client';
import { LIMITS, packItems, preferenceList } from '@mendlog/core';
import type { BinaryRouter } from '@mendlog/node';
import { Connection } from '@mendlog/transport/connection';
import { itemsOf } from '@mendlog/transport/items';
import { describe, expect, test } from 'vitest';
import { eventually } from './eventually.js';
import { frame } from './records.js';
import { TestCluster } from './test-cluster.js';

const numbers = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => `line ${from + i}`);

const clientOf = (cluster: TestCluster): Client =>
  createClient({ nodes: cluster.ids.map((id) => cluster.urlOf(id)) });

const linesOf = (client: Client): Partition<string> => client.partition('lines', { codec: textCodec });

/** Until each is acknowledged: a node that is about to close refuses. */
async function append(lines: Partition<string>, values: readonly string[]): Promise<void> {
  for (const value of values)
    await eventually(
      { for: `the acknowledgement of ${value}` },
      () => lines.append(value),
      () => true,
    );
}

/** Until `isLast`; always waiting for the next record, as a loop does. */
async function consume<T>(
  tail: AsyncGenerator<TailedRecord<T>, void, undefined>,
  isLast: (record: TailedRecord<T>) => boolean,
): Promise<void> {
  for await (const record of tail) if (isLast(record)) return;
}

/** The first so many records. */
async function take<T>(
  partition: Partition<T>,
  count: number,
  options: TailOptions,
): Promise<TailedRecord<T>[]> {
  const taken: TailedRecord<T>[] = [];
  for await (const record of partition.tail(options)) {
    taken.push(record);
    if (taken.length === count) break;
  }
  return taken;
}

const valuesOf = <T>(records: readonly TailedRecord<T>[]) => records.map(({ value }) => value);

/** What JSON makes of a cursor: it may be kept anywhere. */
function kept(record: TailedRecord<string> | undefined): TailCursor {
  if (record === undefined) throw new Error('no record');
  const { node, storeId, arrival, ordinal, lowWater, others } = JSON.parse(JSON.stringify(record.cursor));
  return { node, storeId, arrival, ordinal, lowWater, others };
}

/** Starts a tail of what comes from now on, with a first record that it has surely given out. */
async function started(lines: Partition<string>, options: TailOptions = {}) {
  const tail = lines.tail({ from: 'now', ...options });
  const first = tail.next();
  let hasBegun = false;
  void first.then(() => {
    hasBegun = true;
  });
  for (let i = 1; !hasBegun; i++) await lines.append(`beginning ${i}`);
  return { tail, first: (await first).value ?? undefined };
}

describe('tail: one node', () => {
  test('tail: records come in order, those there and those that follow, and deletions', async () => {
    await using cluster = await TestCluster.start(1);
    await using client = clientOf(cluster);
    const lines = linesOf(client);
    await append(lines, numbers(1, 50));
    const taken: TailedRecord<string>[] = [];
    for await (const record of lines.tail({ from: 'start' })) {
      taken.push(record);
      if (taken.length === 50) void append(lines, numbers(51, 100)).then(() => lines.put('k', 'v'));
      if (record.key === 'k' && record.deleted !== true) void lines.delete('k');
      if (record.deleted === true) break;
    }
    expect(valuesOf(taken)).toEqual([...numbers(1, 100), 'v', undefined]);
    expect(taken[100]).toMatchObject({ key: 'k', value: 'v', id: 101 });
    expect(taken[101]).toMatchObject({ key: 'k', deleted: true, id: 102, timeMs: expect.any(Number) });
  });

  test('tail: now is only what comes later', async () => {
    await using cluster = await TestCluster.start(1);
    await using client = clientOf(cluster);
    const lines = linesOf(client);
    await append(lines, numbers(1, 20));
    const { tail, first } = await started(lines);
    expect(first?.value).toMatch(/^beginning /);
    await tail.return();
  });

  test('tail: a cursor goes on behind its record, after the node was restarted', async () => {
    await using cluster = await TestCluster.start(1);
    let cursor: TailCursor;
    {
      await using client = clientOf(cluster);
      await append(linesOf(client), numbers(1, 30));
      cursor = kept((await take(linesOf(client), 12, { from: 'start' })).at(-1));
    }
    await cluster.stop('n1');
    await cluster.start('n1');
    await using client = clientOf(cluster);
    expect(valuesOf(await take(linesOf(client), 18, { from: cursor }))).toEqual(numbers(13, 30));
  });

  test('tail: it goes on by itself when the node was restarted', async () => {
    await using cluster = await TestCluster.start(1);
    await using client = clientOf(cluster);
    const lines = linesOf(client);
    await append(lines, numbers(1, 10));
    const taken: TailedRecord<string>[] = [];
    for await (const record of lines.tail({ from: 'start' })) {
      taken.push(record);
      if (taken.length === 5) {
        await cluster.stop('n1');
        await cluster.start('n1');
        await using writer = clientOf(cluster);
        await append(linesOf(writer), numbers(11, 15));
      }
      if (taken.length === 15) break;
    }
    expect(valuesOf(taken)).toEqual(numbers(1, 15));
  });

  test(`tail: the node lets go of each that is left (tails=${LIMITS.arrivalListenersMax + 50})`, async () => {
    await using cluster = await TestCluster.start(1);
    await using client = clientOf(cluster);
    const lines = linesOf(client);
    await lines.append('line 1');
    // One that were held on to would count among the listeners of the store, which are bounded.
    for (let i = 0; i < LIMITS.arrivalListenersMax + 50; i++)
      expect(await take(lines, 1, { from: 'start', patienceMs: 1 })).toHaveLength(1);
  });

  test('tail: an aborted one throws the reason, also while it waits', async () => {
    await using cluster = await TestCluster.start(1);
    await using client = clientOf(cluster);
    const lines = linesOf(client);
    await lines.append('line 1');
    const controller = new AbortController();
    const tail = lines.tail({ from: 'start', signal: controller.signal });
    await tail.next();
    const waiting = tail.next();
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
  });

  test('tail: with the client closed it is CLOSED', async () => {
    await using cluster = await TestCluster.start(1);
    await using client = clientOf(cluster);
    const lines = linesOf(client);
    await lines.append('line 1');
    const tail = lines.tail({ from: 'start' });
    await tail.next();
    const waiting = tail.next();
    await client.close();
    await expect(waiting).rejects.toMatchObject({ code: 'CLOSED' });
  });

  test('tail: with no node for longer than its patience it is UNAVAILABLE', async () => {
    await using cluster = await TestCluster.start(1);
    await using client = clientOf(cluster);
    const lines = linesOf(client);
    await lines.append('line 1');
    const tail = lines.tail({ from: 'start', patienceMs: 200 });
    await tail.next();
    await cluster.stop('n1');
    await expect(tail.next()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  test('tail: the cursor of a store that was wiped is BAD_REQUEST', async () => {
    await using cluster = await TestCluster.start(1);
    let cursor: TailCursor;
    {
      await using client = clientOf(cluster);
      await append(linesOf(client), numbers(1, 3));
      cursor = kept((await take(linesOf(client), 2, { from: 'start' })).at(-1));
    }
    await cluster.stop('n1');
    await rm(cluster.dataDirOf('n1'), { recursive: true });
    await cluster.start('n1');
    await using client = clientOf(cluster);
    const lines = linesOf(client);
    await append(lines, numbers(4, 6));
    await expect(take(lines, 1, { from: cursor })).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    expect(valuesOf(await take(lines, 3, { from: 'start' }))).toEqual(numbers(4, 6));
  });

  test('tail: a slow consumer pauses the node (records=400, 40000 bytes each)', async () => {
    await using cluster = await TestCluster.start(1);
    await using client = clientOf(cluster);
    const values = client.partition('values', { codec: bytesCodec });
    await Promise.all(Array.from({ length: 400 }, () => values.append(new Uint8Array(40_000))));
    const connection = new Connection<BinaryRouter>({ url: cluster.urlOf('n1') });
    try {
      await connection.waitUntilOpen(5000);
      let receivedBytes = 0;
      const pages = itemsOf<{ packed: Uint8Array; arrivals: readonly number[] }>(({ onData, ...how }) =>
        connection.call.batches.tail.subscribe(
          { partition: 'values' },
          {
            ...how,
            onData(item) {
              receivedBytes += item.packed.length;
              onData(item);
            },
          },
        ),
      );
      let consumedBytes = 0;
      let records = 0;
      for await (const { packed, arrivals } of pages) {
        // What the node would send if it did not wait for credits, it would have sent before these answers.
        for (let i = 0; i < 10; i++) await connection.call.cluster.layout.query();
        const page = 2 * 128 * 1024;
        expect(receivedBytes - consumedBytes).toBeLessThanOrEqual(LIMITS.subscriptionBytesMax + page);
        consumedBytes += packed.length;
        records += arrivals.length;
        if (records === 400) break;
      }
      expect(records).toBe(400);
    } finally {
      connection.close();
    }
  });
});

describe('tail: three nodes', () => {
  const orderOf = (cluster: TestCluster) => {
    const [a, b, c] = preferenceList('lines', cluster.ids, 3).primaries;
    if (a === undefined || b === undefined || c === undefined) throw new Error('three nodes');
    return [a, b, c] as const;
  };

  test('tail: with the serving node stopped, everything that was acknowledged comes', async () => {
    await using cluster = await TestCluster.start();
    await using client = clientOf(cluster);
    await using writer = clientOf(cluster);
    const [serving] = orderOf(cluster);
    const { tail } = await started(linesOf(client));
    const wanted = numbers(1, 300);
    const missing = new Set(wanted);
    let stopped: Promise<void> | undefined;
    const written = append(linesOf(writer), wanted);
    for await (const { value } of tail) {
      if (value !== undefined) missing.delete(value);
      if (missing.size < 200) stopped ??= cluster.stop(serving);
      if (missing.size === 0) break;
    }
    await Promise.all([written, stopped]);
    expect(missing.size).toBe(0);
  });

  test.each(['now', 'start'] as const)(
    'tail: a low version that only the next node has comes from it (from=%s)',
    async (from) => {
      await using cluster = await TestCluster.start();
      await using client = clientOf(cluster);
      const lines = linesOf(client);
      const [serving, next] = orderOf(cluster);
      await append(lines, numbers(1, 5));
      const { tail } = await started(lines, { from });
      const after = await lines.append('seen');
      for await (const { version } of untilDone(tail)) if (version === after.version) break;
      await cluster.storeOnlyOn(next, [packItems('lines', [frame(1, 'late')])]);
      await cluster.stop(serving);
      for await (const { value } of untilDone(tail)) if (value === 'late') break;
      await tail.return();
    },
  );

  test('tail: a node that was down when it began takes over above the low water', async () => {
    await using cluster = await TestCluster.start();
    const [serving, next] = orderOf(cluster);
    await using writer = clientOf(cluster);
    await append(linesOf(writer), numbers(1, 5));
    await cluster.stop(next);
    await using client = clientOf(cluster);
    const { tail, first } = await started(linesOf(client));
    expect(first?.cursor).toMatchObject({ node: serving, others: [expect.anything()] });
    expect(first?.cursor.lowWater).toBeGreaterThanOrEqual(5);
    await append(linesOf(writer), numbers(6, 8));
    await cluster.start(next);
    await cluster.allSeen();
    await cluster.converged();
    await cluster.stop(serving);
    await append(linesOf(writer), numbers(9, 10));
    const seen: (string | undefined)[] = [];
    for await (const { value } of untilDone(tail)) {
      seen.push(value);
      if (value === 'line 10') break;
    }
    await tail.return();
    expect(numbers(6, 10).filter((line) => !seen.includes(line))).toEqual([]);
    expect(numbers(1, 5).filter((line) => seen.includes(line))).toEqual([]);
  });

  test('tail: what all nodes are known to hold is not repeated by the next one', async () => {
    await using cluster = await TestCluster.start();
    await using client = clientOf(cluster);
    await using writer = clientOf(cluster);
    const [serving] = orderOf(cluster);
    const { tail, first } = await started(linesOf(client));
    const before = new Map(first?.cursor.others.map(({ node, arrival }) => [node, arrival]));
    const seen: TailedRecord<string>[] = [];
    const consumed = consume(tail, (record) => {
      seen.push(record);
      return record.value === 'last';
    });
    await eventually(
      { for: 'the places at the other nodes to move up' },
      async () => {
        await linesOf(writer).append('between');
        return seen.at(-1)?.cursor.others ?? [];
      },
      (others) =>
        others.length === 2 && others.every(({ node, arrival }) => arrival > (before.get(node) ?? 0)),
    );
    await cluster.stop(serving);
    await append(linesOf(writer), ['last']);
    await consumed;
    expect(seen.map(({ version }) => version)).not.toContain(first?.version);
  });

  test('tail: a cursor goes on at another node when its own is gone', async () => {
    await using cluster = await TestCluster.start();
    const [serving] = orderOf(cluster);
    let cursor: TailCursor;
    {
      await using client = clientOf(cluster);
      const { tail, first } = await started(linesOf(client));
      cursor = kept(first);
      await tail.return();
      expect(cursor).toMatchObject({ node: serving });
      expect(cursor.others).toHaveLength(2);
    }
    await cluster.stop(serving);
    await using client = clientOf(cluster);
    const lines = linesOf(client);
    await append(lines, numbers(1, 5));
    const seen = new Set<string | undefined>();
    for await (const { value } of lines.tail({ from: cursor })) {
      seen.add(value);
      if (value === 'line 5') break;
    }
    expect(numbers(1, 5).filter((line) => !seen.has(line))).toEqual([]);
  });

  test('tail: a node that is no replica says who is (n=3, replicas=1)', async () => {
    await using cluster = await TestCluster.start(3, { replicationFactor: 1 });
    await using client = clientOf(cluster);
    const [replica, other] = orderOf(cluster);
    await linesOf(client).append('line 1');
    const connection = new Connection<BinaryRouter>({ url: cluster.urlOf(other) });
    try {
      await connection.waitUntilOpen(5000);
      const pages = itemsOf((how) => connection.call.batches.tail.subscribe({ partition: 'lines' }, how));
      await expect(pages.next()).rejects.toMatchObject({
        cause: { code: 'NOT_REPLICA', details: { primaries: [replica] } },
      });
    } finally {
      connection.close();
    }
    await using onlyOther = createClient({ nodes: [cluster.urlOf(other)] });
    expect(valuesOf(await take(linesOf(onlyOther), 1, { from: 'start' }))).toEqual(['line 1']);
  });
});

/** A loop over it may be left, and the tail goes on. */
async function* untilDone<T>(tail: AsyncGenerator<T, void, undefined>): AsyncGenerator<T, void, undefined> {
  for (;;) {
    const { done, value } = await tail.next();
    if (done === true || value === undefined) return;
    yield value;
  }
}
