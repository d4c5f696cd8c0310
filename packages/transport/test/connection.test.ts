// A connection to a real server: calls, errors, deadlines, bounds, and what happens when either side goes away.
import { once } from 'node:events';
import { request } from 'node:http';
import { LIMITS } from '@mendlog/core';
import { TRPCClientError } from '@trpc/client';
import { Packr } from 'msgpackr';
import { describe, expect, test } from 'vitest';
import { WebSocketServer } from 'ws';
import { Connection } from '../src/connection.js';
import { decodeAnswer, encodeRequest, SUBPROTOCOL } from '../src/messages.js';
import { eventually } from './eventually.js';
import { type TestRouter, TestServer } from './test-server.js';

const failsWith = (cause: object) => ({ name: 'TRPCClientError', cause });

describe('connection: calls', () => {
  test('connection: values arrive as they were sent', async () => {
    await using server = await TestServer.start();
    const { call } = await server.connectOpen();
    const values = [undefined, null, 0, -1.5, 2 ** 40, '', 'ä€😀', true, [1, [2]], { a: { b: null } }];
    for (const value of values) expect(await call.echo.query(value)).toEqual(value);
    expect(await call.echo.query(Uint8Array.of(0, 255))).toEqual(Buffer.of(0, 255));
    expect(await call.length.mutate(new Uint8Array(1_000_000))).toEqual({ length: 1_000_000 });
    expect(await call.bytes.query(1_000_000)).toHaveLength(1_000_000);
  });

  test('connection: many calls at once get their own answers', async () => {
    await using server = await TestServer.start();
    const { call } = await server.connectOpen();
    const sent = Array.from({ length: 1000 }, (_, i) => i);
    expect(await Promise.all(sent.map((i) => call.echo.query(i)))).toEqual(sent);
  });

  test('connection: answers may come in any order', async () => {
    await using server = await TestServer.start();
    const { call } = await server.connectOpen();
    const first = call.wait.query();
    await eventually('the first call', () => server.waiting.size === 1);
    const second = call.wait.query();
    await eventually('the second call', () => server.waiting.size === 2);
    const [answerFirst, answerSecond] = [...server.waiting];
    answerSecond?.('second');
    expect(await second).toBe('second');
    answerFirst?.('first');
    expect(await first).toBe('first');
  });

  test('connection: an error arrives with code, message and details, a stranger only as INTERNAL', async () => {
    await using server = await TestServer.start();
    const { call } = await server.connectOpen();
    const refused = await call.refuse.query().catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(TRPCClientError);
    expect(refused).toMatchObject({
      message: 'two records',
      cause: { name: 'MendlogError', code: 'AMBIGUOUS_ID', details: { versions: ['1-a', '1-b'], needed: 2 } },
    });
    await expect(call.fail.query()).rejects.toMatchObject(
      failsWith({ code: 'INTERNAL', message: 'an internal error' }),
    );
  });

  test('connection: the token is shown as a bearer', async () => {
    await using server = await TestServer.start();
    expect(await (await server.connectOpen({ token: 'abc' })).call.authorization.query()).toBe('Bearer abc');
    expect(await (await server.connectOpen()).call.authorization.query()).toBeUndefined();
  });
});

describe('connection: going away', () => {
  test('connection: not open, a call is UNREACHABLE at once', async () => {
    await using server = await TestServer.start();
    const connection = server.connect();
    expect(connection.isOpen).toBe(false);
    await expect(connection.call.echo.query(1)).rejects.toMatchObject(failsWith({ code: 'UNREACHABLE' }));
    expect(await connection.waitUntilOpen(5000)).toBe(true);
    expect(await connection.call.echo.query(1)).toBe(1);
  });

  test('connection: a server that dies ends calls under way as CONNECTION_LOST; when it is back, calls work', async () => {
    await using server = await TestServer.start();
    const events: string[] = [];
    const connection = await server.connectOpen({
      onOpen: () => events.push('open'),
      onClose: () => events.push('close'),
    });
    const calls = [connection.call.wait.query(), connection.call.wait.query()];
    const ended = Promise.allSettled(calls);
    await eventually('both calls', () => server.waiting.size === 2);
    await server.die();
    for (const end of await ended) {
      expect(end).toMatchObject({ status: 'rejected', reason: failsWith({ code: 'CONNECTION_LOST' }) });
    }
    expect(connection.isOpen).toBe(false);
    await expect(connection.call.echo.query(1)).rejects.toMatchObject(failsWith({ code: 'UNREACHABLE' }));
    await server.listen();
    expect(await connection.waitUntilOpen(10_000)).toBe(true);
    expect(await connection.call.echo.query(2)).toBe(2);
    expect(events).toEqual(['open', 'close', 'open']);
  });

  test('connection: a call without an answer in time is CONNECTION_LOST, and its late answer harms nobody', async () => {
    await using server = await TestServer.start();
    const connection = await server.connectOpen({ timeoutMs: 20 });
    await expect(connection.call.wait.query()).rejects.toMatchObject(failsWith({ code: 'CONNECTION_LOST' }));
    const context = { timeoutMs: 30 };
    await expect(connection.call.wait.query(undefined, { context })).rejects.toMatchObject(
      failsWith({ code: 'CONNECTION_LOST', message: expect.stringContaining('30 ms') }),
    );
    await eventually('both calls', () => server.waiting.size === 2);
    for (const answer of server.waiting) answer('late');
    expect(await connection.call.echo.query('next', { context: { timeoutMs: 5000 } })).toBe('next');
    expect(connection.isOpen).toBe(true);
  });

  test('connection: closed, calls end as CLOSED and none begins any more', async () => {
    await using server = await TestServer.start();
    const connection = await server.connectOpen();
    const ended = Promise.allSettled([connection.call.wait.query()]);
    await eventually('the call', () => server.waiting.size === 1);
    connection.close();
    expect((await ended)[0]).toMatchObject({ reason: failsWith({ code: 'CLOSED' }) });
    await expect(connection.call.echo.query(1)).rejects.toMatchObject(failsWith({ code: 'CLOSED' }));
    expect(connection.isOpen).toBe(false);
    expect(await connection.waitUntilOpen(5000)).toBe(false);
    await eventually('the server to notice', () => server.connections === 0);
  });

  test('connection: reset drops the socket and connects anew', async () => {
    await using server = await TestServer.start();
    let opened = 0;
    const connection = await server.connectOpen({ onOpen: () => opened++ });
    connection.reset();
    await eventually('a second connection', () => opened === 2);
    expect(await connection.call.echo.query(1)).toBe(1);
  });

  test('connection: waiting for an open connection ends in time', async () => {
    await using server = await TestServer.start();
    await server.die();
    const connection = server.connect();
    expect(await connection.waitUntilOpen(10)).toBe(false);
    const waiting = connection.waitUntilOpen(60_000);
    connection.close();
    expect(await waiting).toBe(false);
  });
});

describe('connection: bounds', () => {
  test('connection: a message that is too long is TOO_LARGE before it is sent', async () => {
    await using server = await TestServer.start();
    const { call } = await server.connectOpen();
    const tooLong = call.length.mutate(new Uint8Array(LIMITS.messageBytesMax));
    await expect(tooLong).rejects.toMatchObject(failsWith({ code: 'TOO_LARGE' }));
    expect(await call.length.mutate(new Uint8Array(LIMITS.messageBytesMax - 100))).toEqual({
      length: LIMITS.messageBytesMax - 100,
    });
  });

  test('connection: an answer that is too long is TOO_LARGE, and the connection goes on', async () => {
    await using server = await TestServer.start();
    const { call } = await server.connectOpen();
    await expect(call.bytes.query(LIMITS.messageBytesMax)).rejects.toMatchObject(
      failsWith({ code: 'TOO_LARGE' }),
    );
    expect(await call.echo.query(1)).toBe(1);
  });

  test('connection: too many calls under way are OVERLOADED, and room is made by answers', async () => {
    await using server = await TestServer.start();
    const { call } = await server.connectOpen({ timeoutMs: 60_000 });
    const calls = Array.from({ length: LIMITS.connectionRequestsMax }, () => call.wait.query());
    await expect(call.echo.query(1)).rejects.toMatchObject(failsWith({ code: 'OVERLOADED' }));
    await eventually('all calls', () => server.waiting.size === calls.length);
    for (const answer of server.waiting) answer('done');
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['done']));
    expect(await call.echo.query(1)).toBe(1);
  });

  test('connection: too many bytes under way are OVERLOADED', async () => {
    await using server = await TestServer.start();
    const { call } = await server.connectOpen({ timeoutMs: 60_000 });
    const bytes = new Uint8Array(LIMITS.messageBytesMax - 100);
    const sent = Array.from({ length: LIMITS.connectionBytesMax / LIMITS.messageBytesMax + 1 }, () =>
      call.length.mutate(bytes),
    );
    const ends = await Promise.allSettled(sent);
    expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(sent.length - 1);
    expect(ends.at(-1)).toMatchObject({ reason: failsWith({ code: 'OVERLOADED' }) });
  });
});

describe('adapter: strangers', () => {
  test.each([
    ['text', 'hello'],
    ['garbage', Buffer.from('c1ffffff', 'hex')],
    ['an empty message', Buffer.alloc(0)],
    ['no request', new Packr().pack({ hello: 1 })],
    ['arrays without end', Buffer.alloc(1_000_000, 0x91)],
    ['a message over the limit', Buffer.alloc(LIMITS.messageBytesMax + 1)],
  ])('adapter: %s closes its connection and no other', async (_, message) => {
    await using server = await TestServer.start();
    const other = await server.connectOpen();
    const waiting = other.call.wait.query();
    await eventually('the call', () => server.waiting.size === 1);
    const stranger = await server.connectRaw();
    stranger.socket.send(message);
    expect([1007, 1009]).toContain(await stranger.ended);
    await eventually('the stranger to be gone', () => server.connections === 1);
    for (const answer of server.waiting) answer('unaffected');
    expect(await waiting).toBe('unaffected');
    expect(other.isOpen).toBe(true);
  });

  test.each(['', 'mendlog.1', 'graphql-ws', 'mendlog.20'])(
    'adapter: without its subprotocol the handshake is refused ("%s")',
    async (subprotocol) => {
      await using server = await TestServer.start();
      const headers = {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': Buffer.alloc(16).toString('base64'),
        ...(subprotocol === '' ? {} : { 'sec-websocket-protocol': subprotocol }),
      };
      const handshake = request(`${server.url}/trpc/binary`, { headers });
      handshake.end();
      const [response] = await once(handshake, 'response');
      expect(response.statusCode).toBe(400);
      response.resume();
      expect(server.connections).toBe(0);
    },
  );

  test('adapter: more calls under way than allowed are refused one by one as OVERLOADED', async () => {
    await using server = await TestServer.start();
    const stranger = await server.connectRaw();
    const send = (id: number) =>
      stranger.socket.send(
        encodeRequest({ id, type: 'query', path: 'wait', input: undefined, timeoutMs: 60_000 }),
      );
    for (let id = 1; id <= LIMITS.connectionRequestsMax + 2; id++) send(id);
    await eventually('two refusals', () => stranger.received.length === 2);
    expect(server.waiting.size).toBe(LIMITS.connectionRequestsMax);
    expect(stranger.received.map(decodeAnswer)).toMatchObject(
      [1, 2].map((i) => ({
        id: LIMITS.connectionRequestsMax + i,
        type: 'refusal',
        error: { code: 'OVERLOADED' },
      })),
    );
  });

  test('adapter: an unknown path, a wrong kind of call and a reserved name are refused, not fatal', async () => {
    await using server = await TestServer.start();
    const stranger = await server.connectRaw();
    const paths = ['nothing', 'echo.more', '', '__proto__', 'constructor', '_def'];
    for (const [id, path] of paths.entries()) {
      stranger.socket.send(encodeRequest({ id, type: 'query', path, input: 1, timeoutMs: 1000 }));
    }
    stranger.socket.send(
      encodeRequest({ id: 77, type: 'mutation', path: 'echo', input: 1, timeoutMs: 1000 }),
    );
    await eventually('all answers', () => stranger.received.length === paths.length + 1);
    for (const bytes of stranger.received) expect(decodeAnswer(bytes).type).toBe('refusal');
    stranger.socket.send(
      encodeRequest({ id: 78, type: 'query', path: 'echo', input: 'fine', timeoutMs: 1000 }),
    );
    await eventually('one more answer', () => stranger.received.length === paths.length + 2);
    expect(decodeAnswer(stranger.received.at(-1) ?? new Uint8Array(0))).toMatchObject({
      type: 'answer',
      data: 'fine',
    });
  });

  test('connection: a server that answers nonsense is dropped, and its calls end as CONNECTION_LOST', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => SUBPROTOCOL });
    await once(server, 'listening');
    server.on('headers', (headers) => headers.push('mendlog-grant: calls=1, bytes=1000'));
    server.on('connection', (socket) => socket.on('message', () => socket.send(Buffer.from('c1', 'hex'))));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the server has no port');
    const connection = new Connection<TestRouter>({ url: `http://127.0.0.1:${address.port}` });
    try {
      expect(await connection.waitUntilOpen(5000)).toBe(true);
      await expect(connection.call.echo.query(1)).rejects.toMatchObject(
        failsWith({ code: 'CONNECTION_LOST' }),
      );
    } finally {
      connection.close();
      server.close();
    }
  });
});
