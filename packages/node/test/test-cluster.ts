// A cluster of nodes in this process, each with a data folder and a fixed port, that can be stopped and started.
import { createServer } from 'node:net';
import { join } from 'node:path';
import { encodePacked, type PackedGroup, toMendlogError } from '@mendlog/core';
import { loadKernel } from '@mendlog/merkle';
import {
  type BinaryRouter,
  clusterSecret,
  createNode,
  type MendlogNode,
  type NodeOptions,
  peerToken,
  type Service,
} from '@mendlog/node';
import { Connection } from '@mendlog/transport/connection';
import { eventually } from './eventually.js';
import { temporaryFolder } from './temporary-folder.js';

const HOST = '127.0.0.1';
const START_ATTEMPTS_MAX = 5;
// Below the ports that systems give out by themselves, so that a stopped node finds its own free again.
const PORT_FIRST = 20_000;
const PORT_LAST = 32_000;

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const free = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, HOST, () => resolve(true));
  });
  await new Promise((resolve) => server.close(resolve));
  return free;
}

async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = PORT_FIRST + Math.floor(Math.random() * (PORT_LAST - PORT_FIRST));
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

export class TestCluster implements AsyncDisposable {
  readonly ids: readonly string[];
  readonly #folder = temporaryFolder();
  readonly #urls: Readonly<Record<string, string>>;
  readonly #nodes = new Map<string, MendlogNode>();

  readonly #options: Partial<NodeOptions>;

  private constructor(ports: readonly number[], options: Partial<NodeOptions>) {
    this.#options = options;
    this.ids = ports.map((_, i) => `n${i + 1}`);
    this.#urls = Object.fromEntries(this.ids.map((id, i) => [id, `http://${HOST}:${ports[i]}`]));
  }

  /** Resolves when every node sees every other one. */
  static async start(count = 3, options: Partial<NodeOptions> = {}): Promise<TestCluster> {
    for (let attempt = 1; ; attempt++) {
      const cluster = new TestCluster(await freePorts(count), options);
      try {
        await Promise.all(cluster.ids.map((id) => cluster.start(id)));
        await cluster.allSeen();
        return cluster;
      } catch (error) {
        await cluster[Symbol.asyncDispose]();
        // Between being found free and being used, a port may go to another test.
        if (toMendlogError(error).code !== 'BAD_CONFIG' || attempt >= START_ATTEMPTS_MAX) throw error;
      }
    }
  }

  async start(id: string): Promise<void> {
    const node = await createNode({
      id,
      dataDir: this.dataDirOf(id),
      listen: this.urlOf(id).slice('http://'.length),
      peers: this.#urls,
      writeTimeoutMs: 5000,
      readTimeoutMs: 5000,
      ...this.#options,
    });
    this.#nodes.set(id, node);
  }

  dataDirOf(id: string): string {
    return join(this.#folder.path, id);
  }

  async stop(id: string): Promise<void> {
    const node = this.node(id);
    this.#nodes.delete(id);
    await node.close();
    // The others notice a closed connection at once, but not in the same turn.
    for (const other of this.running) {
      await eventually(
        { for: `${other.id} to see that ${id} is down` },
        () => statusesSeenBy(other),
        (statuses) => statuses.get(id) === 'DOWN',
      );
    }
  }

  /** Every running node sees every other running one, and that all of them vote. */
  async allSeen(): Promise<void> {
    for (const node of this.running) {
      await eventually(
        { for: `${node.id} to see ${this.running.map(({ id }) => id).join(', ')}` },
        () => statusesSeenBy(node),
        (statuses) => this.running.every(({ id }) => statuses.get(id) === 'UP and votes'),
      );
    }
  }

  get running(): readonly MendlogNode[] {
    return [...this.#nodes.values()];
  }

  get services(): readonly Service[] {
    return this.running.map(({ service }) => service);
  }

  node(id: string): MendlogNode {
    const node = this.#nodes.get(id);
    if (node === undefined) throw new Error(`${id} is not running`);
    return node;
  }

  urlOf(id: string): string {
    return this.#urls[id] ?? '';
  }

  /** Stores groups on one replica alone, past every coordinator: a divergence made to measure. */
  async storeOnlyOn(id: string, groups: readonly PackedGroup[]): Promise<void> {
    for (const group of groups)
      await this.ask(id, (call) => call.peer.store.mutate({ packed: encodePacked([group]) }));
  }

  /** Asks one node as a peer does. */
  async ask<Answer>(
    id: string,
    question: (call: Connection<BinaryRouter>['call']) => Promise<Answer>,
  ): Promise<Answer> {
    const token = peerToken(loadKernel(), clusterSecret(undefined, HOST));
    const connection = new Connection<BinaryRouter>({ url: this.urlOf(id), token });
    try {
      await connection.waitUntilOpen(5000);
      return await question(connection.call);
    } finally {
      connection.close();
    }
  }

  /** The root of each node over all its partitions. */
  async roots(): Promise<string[]> {
    const summaries = await Promise.all(this.services.map((service) => service.summary()));
    return summaries.map(([summary]) => summary?.root ?? 'none');
  }

  /** SPEC I2: waits until all running replicas hold the same records. */
  async converged(): Promise<void> {
    await eventually(
      { for: 'equal roots' },
      () => this.roots(),
      (roots) => new Set(roots).size === 1,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.running.map((node) => node.close()));
    this.#nodes.clear();
    this.#folder[Symbol.dispose]();
  }
}

async function statusesSeenBy(node: MendlogNode): Promise<Map<string, string>> {
  const { nodes } = await node.service.health();
  return new Map(
    nodes.map(({ id, status, withoutVote }) => [
      id,
      status === 'UP' && withoutVote === undefined ? 'UP and votes' : status,
    ]),
  );
}
