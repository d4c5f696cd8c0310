// What a server grants a connection: the caller keeps to it before it sends, and the server holds others to it.
import { once } from 'node:events';
import { LIMITS } from '@mendlog/core';
import { describe, expect, test } from 'vitest';
import { WebSocketServer } from 'ws';
import { Connection } from '../src/connection.js';
import { formatGrant, parseGrant } from '../src/grant.js';
import { decodeAnswer, encodeRequest, SUBPROTOCOL } from '../src/messages.js';
import { eventually } from './eventually.js';
import { type TestRouter, TestServer } from './test-server.js';

const overloaded = { name: 'TRPCClientError', cause: { code: 'OVERLOADED' } };
const bytes = LIMITS.connectionBytesMax;

describe('grant: calls and bytes', () => {
  test('grant: the caller refuses calls beyond it, and sends them once there is room (3 calls)', async () => {
    await using server = await TestServer.start({ grant: { calls: 3, bytes } });
    const { call } = await server.connectOpen({ timeoutMs: 60_000 });
    const calls = [call.wait.query(), call.wait.query(), call.wait.query()];
    await expect(call.echo.query(1)).rejects.toMatchObject(overloaded);
    await eventually('the calls', () => server.waiting.size === 3);
    for (const answer of server.waiting) answer('done');
    await Promise.all(calls);
    expect(await call.echo.query(1)).toBe(1);
  });

  test('grant: the caller refuses bytes beyond it (1000 bytes)', async () => {
    await using server = await TestServer.start({ grant: { calls: 100, bytes: 1000 } });
    const { call } = await server.connectOpen();
    await expect(call.length.mutate(new Uint8Array(1000))).rejects.toMatchObject(overloaded);
    const both = [call.length.mutate(new Uint8Array(900)), call.length.mutate(new Uint8Array(900))];
    expect(await Promise.allSettled(both)).toMatchObject([
      { value: { length: 900 } },
      { status: 'rejected', reason: overloaded },
    ]);
    expect(await call.length.mutate(new Uint8Array(900))).toEqual({ length: 900 });
  });

  test.each([
    ['calls', { calls: 2, bytes }],
    ['bytes', { calls: 100, bytes: 60 }],
  ])('grant: one who does not keep to it is refused call by call (%s)', async (_, grant) => {
    await using server = await TestServer.start({ grant });
    const stranger = await server.connectRaw();
    const input = 'x'.repeat(10);
    for (let id = 1; id <= 4; id++)
      stranger.socket.send(encodeRequest({ id, type: 'query', path: 'wait', input, timeoutMs: 60_000 }));
    await eventually('the refusals', () => stranger.received.length === 2);
    expect(stranger.received.map(decodeAnswer)).toMatchObject(
      [3, 4].map((id) => ({ id, type: 'refusal', error: { code: 'OVERLOADED' } })),
    );
    for (const answer of server.waiting) answer('done');
    await eventually('the answers', () => stranger.received.length === 4);
    stranger.socket.send(encodeRequest({ id: 5, type: 'query', path: 'echo', input, timeoutMs: 5000 }));
    await eventually('one more', () => stranger.received.length === 5);
    expect(stranger.received.map(decodeAnswer).at(-1)).toEqual({ id: 5, type: 'answer', data: input });
  });
});

describe('grant: the header', () => {
  test('grant: golden header, and never more than this side has room for', () => {
    expect(formatGrant({ calls: 10, bytes: 2000 })).toBe('calls=10, bytes=2000');
    expect(parseGrant('calls=10, bytes=2000')).toEqual({ calls: 10, bytes: 2000 });
    expect(parseGrant('calls=999999999, bytes=999999999999')).toEqual({
      calls: LIMITS.connectionRequestsMax,
      bytes: LIMITS.connectionBytesMax,
    });
    for (const header of [undefined, '', 'calls=1', 'calls=-1, bytes=1', ['calls=1, bytes=1']])
      expect(parseGrant(header)).toBeUndefined();
  });

  test('grant: a server that grants nothing is UNREACHABLE', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => SUBPROTOCOL });
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the server has no port');
    const connection = new Connection<TestRouter>({ url: `http://127.0.0.1:${address.port}` });
    try {
      await eventually('the refusal', () => connection.refusal !== undefined);
      expect(connection.isOpen).toBe(false);
      await expect(connection.call.echo.query(1)).rejects.toMatchObject({
        cause: { code: 'UNREACHABLE', message: expect.stringContaining('how much may be under way') },
      });
    } finally {
      connection.close();
      server.close();
    }
  });
});
