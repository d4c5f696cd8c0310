// Connections that a node ends are logged with a reason and an address, and a neighbour goes on meanwhile.
import { createNode, type MendlogNode } from '@mendlog/node';
import { Connection } from '@mendlog/transport/connection';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from './eventually.js';
import { Neighbour } from './neighbour.js';
import { sendRaw } from './raw-http.js';
import { temporaryFolder } from './temporary-folder.js';

const folder = temporaryFolder();
const reasons: unknown[] = [];
const complaints: string[] = [];
let node: MendlogNode;
let neighbour: Neighbour;

beforeAll(async () => {
  node = await createNode({
    id: 'n1',
    dataDir: folder.path,
    listen: '127.0.0.1:0',
    replicationFactor: 1,
    httpTimeouts: { headersMs: 200, requestMs: 60_000 },
    log: {
      debug() {},
      info() {},
      warn(message, facts) {
        if (message === 'a connection was ended') reasons.push(facts);
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
  const seen = await eventually(
    { for: `a log line that says ${reason}` },
    () => reasons.splice(0),
    ({ length }) => length > 0,
  );
  expect(seen).toContainEqual({ reason, address: '127.0.0.1' });
}

test.each([
  ['handshake-timeout', 'nothing at all', ''],
  ['handshake-timeout', 'half a request', 'GET /trpc/binary HTTP/1.1\r\nupgrade: web'],
  ['garbage', 'no HTTP', 'hello\r\n\r\n'],
])('faults of a node: %s (%s)', async (reason, _, bytes) => {
  await sendRaw(node.url, bytes);
  await told(reason);
  await neighbour.goesOn();
});

test('faults of a node: wrong-secret (a token that is none)', async () => {
  const connection = new Connection({ url: node.url, token: 'wrong' });
  await eventually(
    { for: 'the refusal' },
    () => connection.refusal?.code,
    (code) => code === 'UNAUTHORIZED',
  );
  connection.close();
  await told('wrong-secret');
  await neighbour.goesOn();
});

test('faults of a node: wrong-secret (a peer with another secret says so once)', async () => {
  await using other = temporaryNode();
  await eventually(
    { for: 'the complaint of the peer' },
    () => complaints.length,
    (count) => count > 0,
  );
  await other.node;
  expect(new Set(complaints)).toEqual(new Set(['a peer refuses this node: their secrets differ']));
  expect(complaints).toHaveLength(1);
  await told('wrong-secret');
  await neighbour.goesOn();
});

function temporaryNode() {
  const otherFolder = temporaryFolder();
  const starting = createNode({
    id: 'n2',
    dataDir: otherFolder.path,
    listen: '127.0.0.1:0',
    peers: { n1: node.url },
    secret: 'quite another secret',
    log: { debug() {}, info() {}, warn: (message) => complaints.push(message) },
  });
  return {
    node: starting,
    async [Symbol.asyncDispose]() {
      await (await starting).close();
      otherFolder[Symbol.dispose]();
    },
  };
}
