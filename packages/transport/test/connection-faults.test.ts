// Connections that are no good: each ends for a reason that is counted and logged, while others go on.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { LIMITS } from '@mendlog/core';
import { describe, expect, test } from 'vitest';
import { ConnectionFaults, FAULT_LINES_PER_MINUTE_MAX, type FaultReason } from '../src/connection-faults.js';
import { encodeRequest, SUBPROTOCOL } from '../src/messages.js';
import { eventually } from './eventually.js';
import { TestServer } from './test-server.js';

const failsWith = (cause: object) => ({ name: 'TRPCClientError', cause });

/** A TCP connection that has made the handshake, and then says what it likes. */
async function rawSocket(
  url: string,
  protocol = SUBPROTOCOL,
): Promise<{ socket: Socket; ended: Promise<unknown> }> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.on('error', () => {});
  const ended = new Promise((resolve) => socket.on('close', resolve));
  const lines = [
    'GET /trpc/binary HTTP/1.1',
    'host: node',
    'connection: upgrade',
    'upgrade: websocket',
    'sec-websocket-version: 13',
    `sec-websocket-key: ${Buffer.alloc(16).toString('base64')}`,
    `sec-websocket-protocol: ${protocol}`,
  ];
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  await once(socket, 'readable');
  return { socket, ended };
}

/** The head of a masked frame (mask of zeros). */
function frameHead(firstByte: number, bytes: number): Buffer {
  const head = Buffer.alloc(14);
  head[0] = firstByte;
  head[1] = 0x80 | 127;
  head.writeBigUInt64BE(BigInt(bytes), 2);
  return head;
}

/** Runs while another connection has a call under way and makes others; they must not notice. */
async function besideAnother(server: TestServer, fault: () => Promise<unknown>): Promise<void> {
  const other = await server.connectOpen({ timeoutMs: 60_000 });
  const waiting = other.call.wait.query();
  await eventually('the call', () => server.waiting.size === 1);
  let stopped = false;
  let calls = 0;
  const work = (async () => {
    while (!stopped) expect(await other.call.echo.query(calls)).toBe(calls++);
  })();
  await fault();
  const before = calls;
  await eventually('more calls of the other', () => calls > before + 1);
  stopped = true;
  await work;
  for (const answer of server.waiting) answer('unaffected');
  expect(await waiting).toBe('unaffected');
  expect(other.isOpen).toBe(true);
  await eventually('nobody else to be there', () => server.connections === 1);
}

/** Asks for so many answers of the largest size, and reads none of them, until the server ends that. */
async function leaveUnread(server: TestServer, count: number): Promise<void> {
  const { socket, ended } = await rawSocket(server.url);
  socket.pause();
  const input = LIMITS.messageBytesMax - 100;
  for (let id = 1; id <= count; id++) {
    const request = encodeRequest({ id, type: 'query', path: 'bytes', input, timeoutMs: 60_000 });
    socket.write(frameHead(0x82, request.length));
    socket.write(request);
  }
  await eventually('the end', () => server.logged.length > 0);
  socket.destroy();
  await ended;
}

function expectFaults(server: TestServer, ...reasons: FaultReason[]): void {
  expect(server.logged).toEqual(reasons.map((reason) => ({ reason, address: '127.0.0.1' })));
  const counted = [...server.faults.counts].filter(([, count]) => count > 0);
  const expected = new Map<FaultReason, number>();
  for (const reason of reasons) expected.set(reason, (expected.get(reason) ?? 0) + 1);
  expect(new Map(counted)).toEqual(expected);
}

describe('faults: what ends a connection', () => {
  test.each<[reason: FaultReason, what: string, bytes: readonly Buffer[]]>([
    ['garbage', 'no frames', [Buffer.alloc(1000, 0xff)]],
    ['garbage', 'a frame that is not masked', [Buffer.of(0x82, 1, 0)]],
    ['garbage', 'no message', [frameHead(0x82, 1), Buffer.of(0xc1)]],
    ['text', 'text', [frameHead(0x81, 5), Buffer.from('hello')]],
    ['oversized', 'one message', [frameHead(0x82, LIMITS.messageBytesMax + 1)]],
    [
      'oversized',
      'a message in parts',
      [
        frameHead(0x02, LIMITS.messageBytesMax),
        Buffer.alloc(LIMITS.messageBytesMax),
        frameHead(0x80, 1),
        Buffer.of(0),
      ],
    ],
  ])('faults: %s (%s), and another connection goes on', async (reason, _, parts) => {
    await using server = await TestServer.start();
    await besideAnother(server, async () => {
      const { socket, ended } = await rawSocket(server.url);
      socket.resume();
      for (const part of parts) socket.write(part);
      await ended;
    });
    expectFaults(server, reason);
  });

  test.each([
    ['a message that is cut short', [frameHead(0x82, 100_000), Buffer.alloc(1000)]],
    ['a frame that is cut short', [Buffer.of(0x82)]],
    ['nothing', []],
  ])('faults: silent (%s), and another connection goes on', async (_, parts) => {
    await using server = await TestServer.start({ pingMs: 50 });
    await besideAnother(server, async () => {
      const { socket, ended } = await rawSocket(server.url);
      for (const part of parts) socket.write(part);
      socket.resume();
      await ended;
    });
    expectFaults(server, 'silent');
  });

  test('faults: silent (a message that comes byte by byte), and another connection goes on', async () => {
    await using server = await TestServer.start({ pingMs: 50 });
    await besideAnother(server, async () => {
      const { socket, ended } = await rawSocket(server.url);
      socket.resume();
      socket.write(frameHead(0x82, 100_000));
      const drip = setInterval(() => socket.write(Buffer.of(0)), 5);
      await ended;
      clearInterval(drip);
    });
    expectFaults(server, 'silent');
  });

  test('faults: answers-unread (more than may wait), and another connection goes on', async () => {
    await using server = await TestServer.start();
    await besideAnother(server, async () => {
      await leaveUnread(server, LIMITS.connectionBytesMax / LIMITS.messageBytesMax + 4);
    });
    expectFaults(server, 'answers-unread');
  });

  test('faults: answers-unread (for too long), and another connection goes on', async () => {
    await using server = await TestServer.start({ pingMs: 250 });
    await besideAnother(server, async () => {
      await leaveUnread(server, 4);
    });
    expectFaults(server, 'answers-unread');
  });

  test('faults: a connection that is told to go and stays is cut off', async () => {
    await using server = await TestServer.start();
    const { socket, ended } = await rawSocket(server.url);
    socket.resume();
    socket.write(Buffer.concat([frameHead(0x82, 1), Buffer.of(0xc1)]));
    // Answers no close frame, and goes on talking.
    const talk = setInterval(() => socket.write(Buffer.of(0)), 5);
    await ended;
    clearInterval(talk);
    await eventually('nobody to be there', () => server.connections === 0);
    expectFaults(server, 'garbage');
  });

  test('faults: wrong-protocol (an older version), and another connection goes on', async () => {
    await using server = await TestServer.start();
    await besideAnother(server, async () => {
      const { socket, ended } = await rawSocket(server.url, 'mendlog.1');
      expect(String(socket.read())).toContain(`this endpoint speaks ${SUBPROTOCOL}`);
      await ended;
    });
    expectFaults(server, 'wrong-protocol');
  });

  test('faults: a caller learns why its connection is refused, and none is left behind', async () => {
    const why = 'this node has another cluster secret';
    await using server = await TestServer.start({
      admit: ({ headers }) =>
        headers.authorization === 'Bearer wrong'
          ? { reason: 'wrong-secret', status: '401 Unauthorized', why }
          : undefined,
    });
    await besideAnother(server, async () => {
      const connection = server.connect({ token: 'wrong' });
      await eventually('the refusal', () => connection.refusal !== undefined);
      expect(connection.isOpen).toBe(false);
      await expect(connection.call.echo.query(1)).rejects.toMatchObject(
        failsWith({ code: 'UNAUTHORIZED', message: `${server.url} refuses the connection: 401 ${why}` }),
      );
      connection.close();
    });
    expect(server.faults.counts.get('wrong-secret')).toBeGreaterThan(0);
  });

  test('faults: too-many-connections, until one of them ends', async () => {
    await using server = await TestServer.start({ connectionsMax: 2 });
    const first = await server.connectOpen();
    const second = await server.connectOpen();
    const third = server.connect();
    await eventually('the refusal', () => third.refusal !== undefined);
    await expect(third.call.echo.query(1)).rejects.toMatchObject(
      failsWith({ code: 'UNREACHABLE', message: expect.stringContaining('2 connections already') }),
    );
    expect(await second.call.echo.query(2)).toBe(2);
    first.close();
    expect(await third.waitUntilOpen(10_000)).toBe(true);
    expect(third.refusal).toBeUndefined();
    expect(await third.call.echo.query(3)).toBe(3);
    expect(server.faults.counts.get('too-many-connections')).toBeGreaterThan(0);
  });

  test('faults: a connection that has nothing to say is kept', async () => {
    await using server = await TestServer.start({ pingMs: 50 });
    const connection = await server.connectOpen();
    const { socket } = await rawSocket(server.url);
    // A raw one does not answer pings: once it is gone, the other has answered several.
    socket.resume();
    await eventually('the raw one to be gone', () => server.connections === 1);
    expect(connection.isOpen).toBe(true);
    expect(await connection.call.echo.query(1)).toBe(1);
    expectFaults(server, 'silent');
  });
});

describe('faults: the log', () => {
  test('faults: lines are bounded by the minute, counts are not', () => {
    const lines: Readonly<Record<string, unknown>>[] = [];
    let nowMs = 0;
    const faults = new ConnectionFaults({ warn: (_, facts) => lines.push(facts), nowMs: () => nowMs });
    for (let i = 0; i < 1000; i++) faults.record('garbage', '10.0.0.9');
    expect(lines).toHaveLength(FAULT_LINES_PER_MINUTE_MAX);
    nowMs = 60_000;
    faults.record('text', undefined);
    expect(lines.at(-1)).toEqual({
      reason: 'text',
      address: 'unknown',
      unlogged: 1000 - FAULT_LINES_PER_MINUTE_MAX,
    });
    faults.record('text', '10.0.0.9');
    expect(lines.at(-1)).toEqual({ reason: 'text', address: '10.0.0.9' });
    expect(faults.counts.get('garbage')).toBe(1000);
    expect(faults.counts.get('text')).toBe(2);
  });
});
