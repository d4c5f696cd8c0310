// Subscriptions: items in order, a slow consumer that pauses the server, and ends from either side.
import { LIMITS } from '@mendlog/core';
import { describe, expect, test } from 'vitest';
import type { Connection } from '../src/connection.js';
import { type ItemsOptions, itemsOf } from '../src/items.js';
import { decodeAnswer, encodeRequest, ITEM_OVERHEAD_BYTES } from '../src/messages.js';
import { eventually } from './eventually.js';
import { type TestRouter, TestServer } from './test-server.js';

const failsWith = (cause: object) => ({ name: 'TRPCClientError', cause });

interface Item {
  readonly number: number;
  readonly bytes: Uint8Array;
}

interface Input {
  readonly items: number;
  readonly bytes: number;
  readonly finish?: 'refuse' | 'wait' | 'too-long';
}

const itemsFrom = ({ call }: Connection<TestRouter>, input: Input, options?: ItemsOptions) =>
  itemsOf<Item>((how) => call.items.subscribe(input, how), options);

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);

/** The numbers of the items, and what ended them. */
async function consumed(items: AsyncIterable<Item>): Promise<{ numbers: number[]; error?: unknown }> {
  const numbers: number[] = [];
  try {
    for await (const { number } of items) numbers.push(number);
    return { numbers };
  } catch (error) {
    return { numbers, error };
  }
}

describe('subscriptions: items', () => {
  test.each([
    { items: 0, bytes: 0 },
    { items: 1, bytes: 10 },
    { items: 5000, bytes: 1 },
    { items: 300, bytes: 20_000 },
  ])('subscriptions: all come, in order ($items of $bytes bytes)', async (input) => {
    await using server = await TestServer.start();
    const connection = await server.connectOpen();
    expect(await consumed(itemsFrom(connection, input))).toEqual({ numbers: upTo(input.items) });
    expect(server.generators).toEqual({ begun: 1, ended: 1, produced: input.items });
  });

  test('subscriptions: with callbacks, an item is consumed when the callback returns (300 of 20000 bytes)', async () => {
    await using server = await TestServer.start();
    const { call } = await server.connectOpen();
    const numbers: number[] = [];
    await new Promise<void>((resolve, reject) => {
      call.items.subscribe(
        { items: 300, bytes: 20_000 },
        { onData: ({ number }) => numbers.push(number), onError: reject, onComplete: resolve },
      );
    });
    expect(numbers).toEqual(upTo(300));
    expect(server.generators.ended).toBe(1);
  });

  test('subscriptions: an item may be larger than the window', async () => {
    await using server = await TestServer.start();
    const connection = await server.connectOpen();
    const items = itemsFrom(connection, { items: 3, bytes: 2_000_000 }, { windowBytes: 1 });
    expect(await consumed(items)).toEqual({ numbers: [0, 1, 2] });
  });

  test('subscriptions: a tracked item shows its id', async () => {
    await using server = await TestServer.start();
    const { call } = await server.connectOpen();
    const seen: unknown[] = [];
    for await (const item of itemsOf<{ id: string; data: number }>((how) =>
      call.tracked.subscribe(undefined, how),
    ))
      seen.push(item);
    expect(seen).toEqual([
      { id: 'first', data: 1 },
      { id: 'second', data: 2 },
    ]);
  });
});

describe('subscriptions: a slow consumer', () => {
  test.each([
    [8_000, 64_000],
    [100, 10_000],
    [100_000, LIMITS.subscriptionBytesMax],
    [100_000, 2 ** 40],
  ])(
    'subscriptions: the server is paused while nothing is consumed (items of %i bytes, window %i)',
    async (bytes, windowBytes) => {
      await using server = await TestServer.start();
      const connection = await server.connectOpen();
      const count = 500;
      // As much as the window holds, and the item that goes over it.
      const ahead = Math.ceil(
        Math.min(windowBytes, LIMITS.subscriptionBytesMax) / (bytes + ITEM_OVERHEAD_BYTES),
      );
      const items = itemsFrom(connection, { items: count, bytes }, { windowBytes });
      const numbers: number[] = [];
      for await (const { number } of items) {
        numbers.push(number);
        if (number % 50 !== 0) continue;
        // What the server would send if it did not wait for credits, it would have sent before these answers.
        for (let i = 0; i < 20; i++) await connection.call.echo.query(i);
        expect(server.generators.produced - number).toBeGreaterThanOrEqual(1);
        expect(server.generators.produced - number).toBeLessThanOrEqual(ahead + 1);
      }
      expect(numbers).toEqual(upTo(count));
    },
  );

  test('subscriptions: one that is paused holds up no other and no call', async () => {
    await using server = await TestServer.start();
    const connection = await server.connectOpen();
    const paused = itemsFrom(connection, { items: 1000, bytes: 50_000 });
    expect((await paused.next()).value).toMatchObject({ number: 0 });
    const other = await consumed(itemsFrom(connection, { items: 200, bytes: 50_000 }));
    expect(other).toEqual({ numbers: upTo(200) });
    expect(await connection.call.echo.query(1)).toBe(1);
    await paused.return();
    await eventually('the end of both', () => server.generators.ended === 2);
    expect(server.generators.produced).toBeLessThan(300);
  });

  test('subscriptions: credits without end from one who does not read end the connection, and the generator', async () => {
    await using server = await TestServer.start();
    const other = await server.connectOpen();
    const stranger = await server.connectRaw();
    stranger.socket.pause();
    const input = { items: 1_000_000, bytes: 1_000_000 };
    const creditBytes = Number.MAX_SAFE_INTEGER;
    stranger.socket.send(encodeRequest({ id: 1, type: 'subscription', path: 'items', input, creditBytes }));
    await eventually('the end of the connection', () => {
      if (stranger.socket.readyState === stranger.socket.OPEN)
        stranger.socket.send(encodeRequest({ id: 1, type: 'credit', creditBytes }));
      return server.connections === 1;
    });
    await eventually('the end of the generator', () => server.generators.ended === 1);
    // What may wait at the server, what the kernel holds, and one window.
    expect(server.generators.produced).toBeLessThan(LIMITS.connectionBytesMax / input.bytes + 50);
    expect(server.logged).toEqual([{ reason: 'answers-unread', address: '127.0.0.1' }]);
    expect(await other.call.echo.query(1)).toBe(1);
  });
});

describe('subscriptions: ends', () => {
  test('subscriptions: a consumer that leaves ends the generator (paused for credits)', async () => {
    await using server = await TestServer.start();
    const connection = await server.connectOpen();
    for await (const { number } of itemsFrom(connection, { items: 1_000_000, bytes: 1000 }))
      if (number === 10) break;
    await eventually('the end', () => server.generators.ended === 1);
    expect(server.generators.produced).toBeLessThan(5000);
    expect(await connection.call.echo.query(1)).toBe(1);
  });

  test('subscriptions: unsubscribed, the generator ends (waits for something to tell)', async () => {
    await using server = await TestServer.start();
    const { call } = await server.connectOpen();
    const numbers: number[] = [];
    const errors: unknown[] = [];
    const subscription = call.items.subscribe(
      { items: 3, bytes: 1, finish: 'wait' },
      { onData: ({ number }) => numbers.push(number), onError: (error) => errors.push(error) },
    );
    await eventually('the items', () => numbers.length === 3);
    expect(server.generators.ended).toBe(0);
    subscription.unsubscribe();
    await eventually('the end', () => server.generators.ended === 1);
    expect(errors).toEqual([]);
  });

  test('subscriptions: a signal ends the wait for an item, and the generator', async () => {
    await using server = await TestServer.start();
    const connection = await server.connectOpen();
    const controller = new AbortController();
    const items = itemsFrom(
      connection,
      { items: 2, bytes: 1, finish: 'wait' },
      { signal: controller.signal },
    );
    const end = consumed(items);
    await eventually('the items', () => server.generators.produced === 2);
    controller.abort(new Error('enough'));
    expect(await end).toMatchObject({ error: { message: 'enough' } });
    await eventually('the end', () => server.generators.ended === 1);
  });

  test('subscriptions: a server that dies is CONNECTION_LOST at the consumer, after the items that came', async () => {
    await using server = await TestServer.start();
    const connection = await server.connectOpen();
    const items = itemsFrom(connection, { items: 5, bytes: 1, finish: 'wait' });
    expect((await items.next()).value).toMatchObject({ number: 0 });
    await eventually('all items', () => server.generators.produced === 5);
    await connection.call.echo.query('after the items');
    await server.die();
    await eventually('the loss', () => !connection.isOpen);
    expect(await consumed(items)).toMatchObject({
      numbers: [1, 2, 3, 4],
      error: failsWith({ code: 'CONNECTION_LOST' }),
    });
    await eventually('the end', () => server.generators.ended === 1);
    expect(await consumed(itemsFrom(connection, { items: 1, bytes: 1 }))).toMatchObject({
      numbers: [],
      error: failsWith({ code: 'UNREACHABLE' }),
    });
  });

  test('subscriptions: a consumer that dies ends the generator', async () => {
    await using server = await TestServer.start();
    const connection = await server.connectOpen();
    const end = consumed(itemsFrom(connection, { items: 5, bytes: 1, finish: 'wait' }));
    await eventually('all items', () => server.generators.produced === 5);
    connection.close();
    expect(await end).toMatchObject({ error: failsWith({ code: 'CLOSED' }) });
    await eventually('the end', () => server.generators.ended === 1);
  });

  test.each([
    ['refuse', 'NOT_FOUND'],
    ['too-long', 'TOO_LARGE'],
  ] as const)('subscriptions: an error comes after the items before it (%s)', async (finish, code) => {
    await using server = await TestServer.start();
    const connection = await server.connectOpen();
    expect(await consumed(itemsFrom(connection, { items: 20, bytes: 1, finish }))).toMatchObject({
      numbers: upTo(20),
      error: failsWith({ code }),
    });
    expect(server.generators.ended).toBe(1);
    expect(await connection.call.echo.query(1)).toBe(1);
  });

  test.each(['nothing', 'echo'])('subscriptions: what is none is refused (%s)', async (path) => {
    await using server = await TestServer.start();
    const stranger = await server.connectRaw();
    stranger.socket.send(encodeRequest({ id: 1, type: 'subscription', path, input: 1, creditBytes: 1000 }));
    await eventually('the refusal', () => stranger.received.length === 1);
    expect(stranger.received.map(decodeAnswer)).toMatchObject([{ id: 1, type: 'refusal' }]);
  });

  test('subscriptions: they count among the calls under way', async () => {
    await using server = await TestServer.start();
    const connection = await server.connectOpen();
    const wait = { items: 0, bytes: 0, finish: 'wait' } as const;
    const { call } = connection;
    const all = upTo(LIMITS.connectionRequestsMax).map(() =>
      call.items.subscribe(wait, { onData: () => {} }),
    );
    await expect(call.echo.query(1)).rejects.toMatchObject(failsWith({ code: 'OVERLOADED' }));
    await eventually('all of them', () => server.generators.begun === all.length);
    for (const subscription of all) subscription.unsubscribe();
    await eventually('the end of all', () => server.generators.ended === all.length);
    expect(await call.echo.query(1)).toBe(1);
  });
});
