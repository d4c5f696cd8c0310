// Off loopback, connections are TLS with a key from the cluster secret, on the port that serves plain HTTP too.
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { createClient } from '@mendlog/client';
import { MendlogError, toMendlogError } from '@mendlog/core';
import {
  type BinaryRouter,
  createGateway,
  createNode,
  type MendlogNode,
  type NodeOptions,
} from '@mendlog/node';
import { Connection, type ConnectionOptions } from '@mendlog/transport/connection';
import { isLoopback, pskClientOptions, pskOf } from '@mendlog/transport/psk';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from './eventually.js';
import { Neighbour } from './neighbour.js';
import { sendRaw } from './raw-http.js';
import { temporaryFolder } from './temporary-folder.js';

const SECRET = 'a secret of the test cluster';
const psk = pskOf(new TextEncoder().encode(SECRET));
const outside = Object.values(networkInterfaces())
  .flat()
  .find((address) => address?.family === 'IPv4' && !address.internal)?.address;

const folder = temporaryFolder();
const faults: unknown[] = [];
let node: MendlogNode;
let neighbour: Neighbour;

const newNode = (id: string, options: Partial<NodeOptions>) =>
  createNode({
    id,
    dataDir: join(folder.path, id),
    listen: '127.0.0.1:0',
    secret: SECRET,
    replicationFactor: 1,
    httpTimeouts: { headersMs: 300, requestMs: 60_000 },
    ...options,
  });

beforeAll(async () => {
  node = await newNode('n1', {
    log: {
      debug() {},
      info() {},
      warn(message, facts) {
        if (message === 'a connection was ended') faults.push(facts?.reason);
      },
    },
  });
  neighbour = new Neighbour(node.url);
});

afterAll(async () => {
  const failures = await neighbour.stop();
  await node.close();
  folder[Symbol.dispose]();
  expect(failures).toEqual([]);
});

async function told(reason: string): Promise<void> {
  await eventually(
    { for: `the reason ${reason}` },
    () => faults.splice(0),
    (seen) => seen.includes(reason),
  );
}

async function connected(options: Partial<ConnectionOptions>) {
  const connection = new Connection<BinaryRouter>({ url: node.url, psk, tls: 'always', ...options });
  await eventually(
    { for: 'an open connection, or a refusal' },
    () => connection.isOpen || connection.refusal !== undefined,
    Boolean,
  );
  return connection;
}

describe('TLS-PSK: one port', () => {
  test('TLS-PSK: calls go through it, with values of a megabyte', async () => {
    const connection = await connected({});
    const message = 'm'.repeat(1_000_000);
    const { version } = await connection.call.records.append.mutate({ partitionId: 'p', message });
    const record = await connection.call.records.read.query({ partitionId: 'p', id: version });
    expect(record.message).toBe(message);
    connection.close();
    await neighbour.goesOn();
  });

  test('TLS-PSK: the suite is authenticated and forward secret', async () => {
    const { hostname, port } = new URL(node.url);
    const socket = connectTls({ host: hostname, port: Number(port), ...pskClientOptions(psk) });
    await once(socket, 'secureConnect');
    expect(socket.getCipher().name).toBe('ECDHE-PSK-CHACHA20-POLY1305');
    expect(socket.getEphemeralKeyInfo()).toMatchObject({ type: 'ECDH' });
    socket.write('GET /api/health HTTP/1.1\r\nhost: node\r\nconnection: close\r\n\r\n');
    const [answer] = await once(socket, 'data');
    expect(String(answer)).toMatch(/^HTTP\/1\.1 200 /);
    socket.destroy();
  });

  test('TLS-PSK: another secret is UNAUTHORIZED at the caller and wrong-secret in the log', async () => {
    const connection = await connected({ psk: pskOf(new TextEncoder().encode('quite another secret')) });
    expect(connection.isOpen).toBe(false);
    const refusal = await connection.call.cluster.health.query().catch(toMendlogError);
    expect(refusal).toMatchObject({
      code: 'UNAUTHORIZED',
      message: `${node.url} has another cluster secret`,
    });
    connection.close();
    await told('wrong-secret');
    await neighbour.goesOn();
  });

  test('TLS-PSK: another identity is wrong-secret', async () => {
    const { hostname, port } = new URL(node.url);
    const pskCallback = () => ({ psk, identity: 'somebody' });
    const socket = connectTls({ host: hostname, port: Number(port), ...pskClientOptions(psk), pskCallback });
    await expect(once(socket, 'secureConnect')).rejects.toMatchObject({
      code: expect.stringContaining('PSK_IDENTITY'),
    });
    await told('wrong-secret');
    await neighbour.goesOn();
  });

  test.each([
    ['handshake-timeout', 'no byte', Buffer.alloc(0)],
    ['handshake-timeout', 'the first byte of TLS', Buffer.of(0x16)],
    [
      'handshake-timeout',
      'a record that does not end',
      Buffer.concat([Buffer.of(0x16, 3, 1, 64, 0), Buffer.alloc(50)]),
    ],
    ['garbage', 'a record of nonsense', Buffer.concat([Buffer.of(0x16, 3, 1, 0, 50), Buffer.alloc(50)])],
  ])('TLS-PSK: %s (%s)', async (reason, _, bytes) => {
    await sendRaw(node.url, bytes);
    await told(reason);
    await neighbour.goesOn();
  });

  test('TLS-PSK: one who is gone before the first byte, or in the middle of the handshake, costs nothing', async () => {
    const { hostname, port } = new URL(node.url);
    for (const bytes of ['', '\x16', 'G']) {
      const socket = connect(Number(port), hostname);
      await once(socket, 'connect');
      socket.end(bytes, 'latin1');
      socket.resume();
      await once(socket, 'close');
    }
    await neighbour.goesOn();
  });

  test('TLS-PSK: a node closes with such connections open (plain, in the handshake, within TLS)', async () => {
    const other = await newNode('closing', {});
    const { hostname, port } = new URL(other.url);
    const sockets = ['', '\x16'].map((bytes) => {
      const socket = connect(Number(port), hostname);
      socket.on('error', () => {});
      socket.write(bytes, 'latin1');
      return once(socket.resume(), 'close');
    });
    const inside = connectTls({ host: hostname, port: Number(port), ...pskClientOptions(psk) });
    inside.on('error', () => {});
    await once(inside, 'secureConnect');
    const insideEnded = once(inside.resume(), 'close');
    await other.close();
    await Promise.all([...sockets, insideEnded]);
  });
});

describe('TLS-PSK: loopback', () => {
  test.each([
    ['localhost', true],
    ['127.0.0.1', true],
    ['127.1.2.3', true],
    ['::1', true],
    ['[::1]', true],
    ['::ffff:127.0.0.1', true],
    ['10.0.0.1', false],
    ['0.0.0.0', false],
    ['127.evil.example', false],
    ['localhost.example', false],
    ['::ffff:10.0.0.1', false],
    ['', false],
  ])('TLS-PSK: "%s" is loopback: %s', (host, expected) => {
    expect(isLoopback(host)).toBe(expected);
  });
});

describe.skipIf(outside === undefined)(`TLS-PSK: off loopback (${outside})`, () => {
  const listen = `${outside}:0`;

  test('TLS-PSK: a client with the secret reads and writes, REST stays as it is', async () => {
    await using other = await newNode('outside', { listen });
    await using client = createClient({ nodes: [other.url], secret: SECRET });
    const { id } = await client.partition('p').append('hello');
    expect((await client.partition('p').read(id))?.value).toBe('hello');
    expect((await fetch(`${other.url}/api/health`)).status).toBe(200);
  });

  test.each<[what: string, secret: string | undefined, words: RegExp]>([
    ['without the secret', undefined, /needs TLS with the cluster secret/],
    ['with another secret', 'quite another secret', /has another cluster secret/],
  ])('TLS-PSK: a client %s is UNAUTHORIZED, and told why', async (_, secret, words) => {
    await using other = await newNode('strict', { listen });
    await using client = createClient({ nodes: [other.url], secret, timeoutMs: 500 });
    const refusal = await client
      .partition('p')
      .append('hello')
      .catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(MendlogError);
    expect(refusal).toMatchObject({ code: 'UNAUTHORIZED', message: expect.stringMatching(words) });
  });

  test("TLS-PSK: with plaintext 'anywhere' a client needs no secret", async () => {
    await using other = await newNode('open', { listen, plaintext: 'anywhere' });
    await using client = createClient({ nodes: [other.url] });
    await client.partition('p').append('hello');
  });

  test('TLS-PSK: nodes and a gateway reach each other, plain HTTP between them is never spoken', async () => {
    await using first = await newNode('a', { listen, replicationFactor: 2 });
    // Between the second and the first: sees how each connection begins.
    const firstBytes: (number | undefined)[] = [];
    const relay = createServer((near) => {
      const far = connect(Number(new URL(first.url).port), outside);
      near.once('data', (bytes: Buffer) => firstBytes.push(bytes[0]));
      near.pipe(far).pipe(near);
      for (const socket of [near, far]) socket.on('error', () => socket.destroy());
    });
    relay.listen(0, outside);
    await once(relay, 'listening');
    const address = relay.address();
    if (address === null || typeof address === 'string') throw new Error('the relay has no port');
    const relayed = `http://${outside}:${address.port}`;
    await using second = await newNode('b', { listen, replicationFactor: 2, peers: { a: relayed } });
    await eventually(
      { for: 'the second to see the first' },
      () => second.service.health(),
      ({ nodes }) => nodes.every(({ status }) => status === 'UP'),
    );
    await using gateway = await createGateway({ listen: [listen], nodes: { a: relayed }, secret: SECRET });
    expect((await fetch(`${gateway.urls[0]}/api/health`)).status).toBe(200);
    expect(new Set(firstBytes)).toEqual(new Set([0x16]));
    relay.close();
  });
});
