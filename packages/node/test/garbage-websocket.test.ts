// Garbage on a WebSocket costs its sender an error or the connection, and a neighbour nothing.
import { LIMITS } from '@mendlog/core';
import { createNode, type MendlogNode } from '@mendlog/node';
import { Packr } from 'msgpackr';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { eventually } from './eventually.js';
import { Neighbour } from './neighbour.js';
import { rawRequest, sendRaw } from './raw-http.js';
import { seededBytes } from './seeded-bytes.js';
import { temporaryFolder } from './temporary-folder.js';

const SUBPROTOCOL = 'mendlog.5';
const packr = new Packr({ useRecords: false, mapsAsObjects: true });

const folder = temporaryFolder();
let node: MendlogNode;
let neighbour: Neighbour;

beforeAll(async () => {
  node = await createNode({ id: 'n1', dataDir: folder.path, listen: '127.0.0.1:0', replicationFactor: 1 });
  neighbour = new Neighbour(node.url);
});

afterAll(async () => {
  const failures = await neighbour.stop();
  await node.close();
  folder[Symbol.dispose]();
  expect(failures).toEqual([]);
});

/** What came of messages on a connection of their own: the code it was closed with, or the first answer. */
interface Reaction {
  readonly closedWith?: number;
  readonly answer?: Buffer;
}

async function reactionTo(
  path: string,
  messages: readonly (string | Uint8Array)[],
  protocol?: string,
): Promise<Reaction> {
  const socket = new WebSocket(`${node.url.replace('http', 'ws')}${path}`, protocol);
  let reaction: Reaction | undefined;
  socket.on('error', () => {});
  socket.on('close', (closedWith) => {
    reaction ??= { closedWith };
  });
  socket.on('message', (answer: Buffer) => {
    reaction ??= { answer };
  });
  socket.on('open', () => {
    for (const message of messages) socket.send(message);
  });
  const seen = await eventually(
    { for: 'a reaction' },
    () => reaction,
    (got) => got !== undefined,
  );
  socket.terminate();
  return seen ?? {};
}

test.each<[what: string, message: string | Uint8Array, closedWith: readonly number[]]>([
  ['text', '[1, 0, "records.append", {}, 1000]', [1007]],
  ['no bytes', Buffer.alloc(0), [1007]],
  ['no MessagePack', Buffer.from([0xc1]), [1007]],
  ['another message', packr.pack({ id: 1 }), [1007]],
  ['a message cut short', packr.pack([1, 1, 'records.append', { a: 1 }, 1000]).subarray(0, 12), [1007]],
  ['bytes after the message', Buffer.concat([packr.pack([1, 0, 'a', {}, 1000]), Buffer.from([1])]), [1007]],
  ['arrays in arrays', Buffer.alloc(1_000_000, 0x91), [1007]],
  ['an array of 2^32 - 1', Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff, 1, 2, 3]), [1007]],
  ['a map of 2^32 - 1', Buffer.from([0xdf, 0xff, 0xff, 0xff, 0xff, 1, 2, 3]), [1007]],
  ['a record definition', Buffer.from([0xd4, 0x72, 0x40, 0x91, 0xa1, 0x61, 0x01]), [1007]],
  ['a message over the limit', Buffer.alloc(LIMITS.messageBytesMax + 1), [1009, 1006]],
])('garbage on the binary WebSocket: %s closes it', async (_what, message, closedWith) => {
  const reaction = await reactionTo('/trpc/binary', [message], SUBPROTOCOL);
  expect(closedWith).toContain(reaction.closedWith);
  await neighbour.goesOn();
});

test.each<[what: string, path: string, input: unknown, code: string]>([
  ['a procedure of nobody', 'records.nothing', {}, 'NOT_FOUND'],
  ['a path into a prototype', '__proto__.constructor', {}, 'NOT_FOUND'],
  ['a procedure of the peers', 'peer.store', { packed: Buffer.alloc(4) }, 'UNAUTHORIZED'],
  ['another one', 'peer.propose', { packed: Buffer.alloc(4) }, 'UNAUTHORIZED'],
  ['a wrong shape', 'records.append', { partitionId: 7 }, 'BAD_REQUEST'],
  ['no input', 'batches.write', undefined, 'BAD_REQUEST'],
])('garbage on the binary WebSocket: %s is refused', async (_what, path, input, code) => {
  const { answer } = await reactionTo('/trpc/binary', [packr.pack([7, 1, path, input, 1000])], SUBPROTOCOL);
  expect(answer === undefined ? undefined : packr.unpack(answer)).toMatchObject([7, 1, { code }]);
  await neighbour.goesOn();
});

test.each<[what: string, packed: Uint8Array]>([
  ['no bytes', Buffer.alloc(0)],
  ['zeros', Buffer.alloc(64)],
  ['ones', Buffer.alloc(64, 0xff)],
])('garbage on the binary WebSocket: a batch of %s is refused or holds nothing', async (_what, packed) => {
  const input = { packed, consistency: 'QUORUM' };
  const { answer } = await reactionTo(
    '/trpc/binary',
    [packr.pack([7, 1, 'batches.write', input, 1000])],
    SUBPROTOCOL,
  );
  const unpacked: unknown = answer === undefined ? undefined : packr.unpack(answer);
  expect([
    [7, 1, { code: 'MALFORMED' }],
    [7, 1, { code: 'BAD_REQUEST' }],
    [7, 0, { counters: [], acks: [], origins: [], originOf: [], levels: [], levelOf: [], refused: [] }],
  ]).toContainEqual(withCodeAlone(unpacked));
  await neighbour.goesOn();
});

function withCodeAlone(answer: unknown): unknown {
  if (!Array.isArray(answer) || answer[1] !== 1) return answer;
  const [id, kind, error] = answer;
  return [id, kind, { code: error.code }];
}

const seed = Number(process.env.MENDLOG_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
test(`garbage on the binary WebSocket: random messages (rounds=200, MENDLOG_TEST_SEED=${seed})`, async () => {
  const good = packr.pack([
    1,
    1,
    'batches.write',
    { packed: seededBytes(seed, 100), consistency: 'ONE' },
    1000,
  ]);
  for (let round = 0; round < 200; round++) {
    const noise = seededBytes(seed + round, 1 + ((round * 13) % 300));
    const message = round % 2 === 0 ? noise : flipped(good, noise);
    const { closedWith, answer } = await reactionTo('/trpc/binary', [message], SUBPROTOCOL);
    if (answer === undefined) expect(closedWith, `round ${round}`).toBe(1007);
    else expect(JSON.stringify(packr.unpack(answer)), `round ${round}`).not.toContain('INTERNAL');
  }
  await neighbour.goesOn();
});

/** The bytes with three of them changed. */
function flipped(bytes: Uint8Array, noise: Uint8Array): Uint8Array {
  const changed = Buffer.from(bytes);
  for (let i = 0; i < 3; i++) changed[((noise[i] ?? 0) * 7 + i) % changed.length] = noise[i + 3] ?? 0;
  return changed;
}

test.each<[what: string, path: string, protocol: string, status: number]>([
  ['another protocol', '/trpc/binary', 'mendlog.1', 400],
  ['another path', '/nowhere', SUBPROTOCOL, 404],
])('garbage on a WebSocket: a handshake of %s is refused', async (_what, path, protocol, status) => {
  const headers = { connection: 'upgrade', upgrade: 'websocket', 'sec-websocket-protocol': protocol };
  const answer = await sendRaw(
    node.url,
    rawRequest(`GET ${path}`, { ...headers, 'sec-websocket-version': '13' }),
  );
  expect(answer.status, answer.text).toBe(status);
  await neighbour.goesOn();
});

test('garbage on a WebSocket: bytes that are no frames end the connection', async () => {
  const handshake = rawRequest('GET /trpc/binary', {
    connection: 'upgrade',
    upgrade: 'websocket',
    'sec-websocket-protocol': SUBPROTOCOL,
    'sec-websocket-version': '13',
    'sec-websocket-key': Buffer.alloc(16).toString('base64'),
  });
  const answer = await sendRaw(node.url, Buffer.concat([handshake, Buffer.alloc(1000, 0xff)]));
  expect(answer.status, answer.text).toBe(101);
  await neighbour.goesOn();
});

test.each([
  ['no JSON', 'hello'],
  ['another shape', '{"id":1,"method":7}'],
  ['bytes', Buffer.from([0, 1, 2])],
])('garbage on the JSON WebSocket: %s is answered with an error', async (_what, message) => {
  const { answer, closedWith } = await reactionTo('/trpc', [message]);
  if (closedWith === undefined) {
    const text = String(answer);
    expect(text).toContain('"error"');
    expect(text).not.toMatch(/\bat .*\.js/);
  }
  await neighbour.goesOn();
});
