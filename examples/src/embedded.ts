/**
 * Three nodes inside three services: each service embeds its own node beside what it serves, and any of
 * them may die. Here they share one process: `node examples/dist/embedded.js`.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createProbe } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, textCodec } from '@mendlog/client';
import { createNode, type MendlogNode } from '@mendlog/node';

const dataDir = await mkdtemp(join(tmpdir(), 'mendlog-example-'));
const peers = Object.fromEntries(
  (await freePorts(3)).map((port, i) => [`node${i + 1}`, `http://127.0.0.1:${port}`]),
);

/** A service of somebody's own: it serves its pages, and appends to the log that it is a replica of. */
async function startService(id: string): Promise<{ node: MendlogNode; url: string; stop(): Promise<void> }> {
  const node = await createNode({
    id,
    dataDir: join(dataDir, id),
    listen: new URL(peers[id] ?? '').host,
    peers,
  });
  const client = createClient({ nodes: Object.values(peers) });
  const visits = client.partition('visits', { codec: textCodec });
  const server = createServer((request, response) => {
    visits.append(`${id} ${request.url}`).then(
      ({ version }) => response.end(`logged as ${version}\n`),
      (error: Error) => response.writeHead(503).end(`${error.message}\n`),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = async () => {
    server.close();
    await client.close();
    await node.close();
  };
  return { node, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, stop };
}

const services = await Promise.all(Object.keys(peers).map(startService));
const [first, second, third] = services;
if (first === undefined || second === undefined || third === undefined)
  throw new Error('three services start');
await visit(first.url, '/checkout');
await third.stop();
await visit(second.url, '/while-one-is-down');
const client = createClient({ nodes: Object.values(peers) });
for await (const { id, value } of client.partition('visits', { codec: textCodec }).scan())
  console.log(id, value);
await client.close();
await Promise.all([first.stop(), second.stop()]);
await rm(dataDir, { recursive: true });

async function visit(url: string, path: string): Promise<void> {
  const response = await fetch(`${url}${path}`);
  if (!response.ok) throw new Error(await response.text());
}

async function freePorts(count: number): Promise<number[]> {
  const probes = await Promise.all(
    Array.from({ length: count }, async () => {
      const probe = createProbe();
      await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
      return probe;
    }),
  );
  const ports = probes.map((probe) => (probe.address() as AddressInfo).port);
  await Promise.all(probes.map((probe) => new Promise((resolve) => probe.close(resolve))));
  return ports;
}
