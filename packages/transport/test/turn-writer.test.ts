// What is sent in one turn is one write to the socket, in both directions.
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { decodeAnswer, encodeRequest, SUBPROTOCOL } from '../src/messages.js';
import { TurnWriter } from '../src/turn-writer.js';
import { eventually } from './eventually.js';
import { TestServer } from './test-server.js';

/** Writes as they come to the stream's lowest level. */
function countWrites(socket: Socket): { count: number } {
  const writes = { count: 0 };
  const { _write, _writev } = socket;
  socket._write = (...args) => {
    writes.count++;
    _write.apply(socket, args);
  };
  if (_writev === undefined) throw new Error('the socket writes one chunk at a time');
  socket._writev = (...args) => {
    writes.count++;
    _writev.apply(socket, args);
  };
  return writes;
}

test('turn writer: a hundred messages of one turn are one write, those of the next another', async () => {
  await using server = await TestServer.start();
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/trpc/binary`, SUBPROTOCOL);
  const received: Uint8Array[] = [];
  socket.on('message', (bytes: Buffer) => received.push(bytes));
  const upgraded = once(socket, 'upgrade');
  const opened = once(socket, 'open');
  const [response] = await upgraded;
  await opened;
  const writes = countWrites(response.socket);
  const writer = new TurnWriter(socket, response.socket);
  const ask = (id: number) =>
    writer.send(encodeRequest({ id, type: 'query', path: 'echo', input: id, timeoutMs: 5000 }));
  for (let id = 1; id <= 100; id++) ask(id);
  expect(writes.count).toBe(0);
  await eventually('all answers', () => received.length === 100);
  expect(writes.count).toBe(1);
  ask(101);
  await eventually('one more', () => received.length === 101);
  expect(writes.count).toBe(2);
  expect(received.map((bytes) => decodeAnswer(bytes).id)).toEqual(
    Array.from({ length: 101 }, (_, i) => i + 1),
  );
  socket.terminate();
});

test('turn writer: what a connection asks in one turn is one write, and so are the answers', async () => {
  await using server = await TestServer.start();
  // Between the two, chunks are seen as they were written.
  const seen: { up: number; down: number } = { up: 0, down: 0 };
  const relay = createServer((near) => {
    const far = connect(Number(new URL(server.url).port), '127.0.0.1');
    near.on('data', (chunk) => {
      seen.up++;
      far.write(chunk);
    });
    far.on('data', (chunk) => {
      seen.down++;
      near.write(chunk);
    });
    for (const socket of [near, far]) {
      socket.on('error', () => {});
      socket.on('close', () => {
        near.destroy();
        far.destroy();
      });
    }
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  const address = relay.address();
  if (address === null || typeof address === 'string') throw new Error('the relay has no port');
  const { call } = await server.connectOpen({ url: `http://127.0.0.1:${address.port}` });
  const before = { ...seen };
  const sent = Array.from({ length: 200 }, (_, i) => i);
  expect(await Promise.all(sent.map((i) => call.echo.query(i)))).toEqual(sent);
  // One each, unless the kernel cuts them.
  expect(seen.up - before.up).toBeLessThan(5);
  expect(seen.down - before.down).toBeLessThan(5);
  relay.close();
});

test('turn writer: a socket that ends before the turn does takes nothing with it', async () => {
  await using server = await TestServer.start();
  const leaving = await server.connectOpen();
  const staying = await server.connectOpen();
  const ended = Promise.allSettled([leaving.call.echo.query(1), leaving.call.echo.query(2)]);
  leaving.close();
  for (const end of await ended) expect(end).toMatchObject({ status: 'rejected' });
  expect(await staying.call.echo.query(3)).toBe(3);
});
