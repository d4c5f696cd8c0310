/**
 * The client's connections: one to each node of the cluster, found through any of the given addresses,
 * and the choice of the node that a partition's calls go to: the first of its primaries that is
 * connected and not silent, since that is the one that coordinates.
 */
import { MendlogError, preferenceList } from '@mendlog/core';
import type { BinaryRouter } from '@mendlog/node';
import { Connection } from '@mendlog/transport/connection';

export type NodeConnection = Connection<BinaryRouter>;

export interface PoolNode {
  readonly id: string;
  readonly connection: NodeConnection;
  /** Resolves when the first attempt to connect has ended, well or not. */
  readonly attempted: Promise<void>;
}

interface NodePoolOptions {
  readonly timeoutMs: number;
  /** Of connections to nodes that are not on loopback. */
  readonly psk: Uint8Array | undefined;
}

interface Layout {
  readonly replicationFactor: number;
  readonly nodes: readonly { readonly id: string; readonly url: string }[];
}

const PRIMARIES_REMEMBERED_MAX = 65_536;
const RETRY_MS = 50;

export class NodePool {
  readonly #connections = new Map<string, NodeConnection>();
  readonly #attempts = new Map<string, Promise<void>>();
  readonly #primaries = new Map<string, readonly NodeConnection[]>();
  #lastPartition: string | undefined;
  #lastPrimaries: readonly NodeConnection[] = [];
  readonly #timeoutMs: number;
  readonly #psk: Uint8Array | undefined;
  #layout: Layout | undefined;
  #ready: Promise<void> | undefined;
  #closed = false;

  constructor(urls: readonly string[], { timeoutMs, psk }: NodePoolOptions) {
    if (!Array.isArray(urls) || urls.length === 0)
      throw new MendlogError('BAD_CONFIG', 'nodes is empty: give a list of at least one URL');
    this.#timeoutMs = timeoutMs;
    this.#psk = psk;
    for (const url of urls) {
      if (!/^https?:\/\//.test(url) || !URL.canParse(url))
        throw new MendlogError('BAD_CONFIG', `nodes holds "${url}": a URL looks like http://127.0.0.1:8081`);
      this.#connect(url);
    }
  }

  get isReady(): boolean {
    return this.#layout !== undefined;
  }

  /** Resolves once the layout is known. Rejects with UNREACHABLE when no node answers in time. */
  async ready(): Promise<void> {
    if (this.#layout !== undefined) return;
    this.#ready ??= this.#learnLayout().finally(() => {
      this.#ready = undefined;
    });
    await this.#ready;
  }

  /** The connection for a partition's calls. Throws UNREACHABLE or CLOSED: nothing was sent. */
  pick(partition: string): NodeConnection {
    if (this.#closed) throw new MendlogError('CLOSED', 'the client is closed');
    for (const connection of this.#primariesOf(partition)) if (connection.isResponsive) return connection;
    const best = this.#anyOpen();
    if (best !== undefined) return best;
    throw this.#noneOpen('no node can be reached');
  }

  /** All nodes, the partition's primaries first. Throws CLOSED. */
  nodesFor(partition: string): readonly PoolNode[] {
    if (this.#closed) throw new MendlogError('CLOSED', 'the client is closed');
    const { nodes = [] } = this.#layout ?? {};
    const urlOf = new Map(nodes.map(({ id, url }) => [id, new URL(url).origin]));
    return preferenceList(partition, [...urlOf.keys()], nodes.length).primaries.flatMap((id) => {
      const url = urlOf.get(id) ?? '';
      const [connection, attempted] = [this.#connections.get(url), this.#attempts.get(url)];
      return connection === undefined || attempted === undefined ? [] : [{ id, connection, attempted }];
    });
  }

  close(): void {
    this.#closed = true;
    for (const connection of this.#connections.values()) connection.close();
  }

  /** Each node with what is wrong; one that is there and does not take this client says most. */
  #noneOpen(what: string): MendlogError {
    const causes = [...this.#connections.values()].flatMap(({ failure }) => failure ?? []);
    const refused = causes.find(({ code }) => code !== 'UNREACHABLE');
    if (refused !== undefined) return new MendlogError(refused.code, refused.message);
    const nodes = [...this.#connections].map(([url, { failure }]) => failure?.message ?? url);
    return new MendlogError('UNREACHABLE', `${what}: ${nodes.join(', ')}`, { cause: causes[0] });
  }

  /** One that answers, if there is any, else one that is at least connected. */
  #anyOpen(): NodeConnection | undefined {
    let silent: NodeConnection | undefined;
    for (const connection of this.#connections.values()) {
      if (connection.isResponsive) return connection;
      if (connection.isOpen) silent ??= connection;
    }
    return silent;
  }

  #connect(url: string): void {
    const key = new URL(url).origin;
    if (this.#connections.has(key)) return;
    const attempted = new Promise<void>((resolve) => {
      const how = { timeoutMs: this.#timeoutMs, psk: this.#psk, onOpen: resolve, onClose: resolve };
      this.#connections.set(key, new Connection({ url: key, ...how }));
    });
    this.#attempts.set(key, attempted);
  }

  #primariesOf(partition: string): readonly NodeConnection[] {
    if (this.#layout === undefined) return [];
    // A write asks twice.
    if (partition === this.#lastPartition) return this.#lastPrimaries;
    let connections = this.#primaries.get(partition);
    if (connections === undefined) {
      const { nodes, replicationFactor } = this.#layout;
      const urlOf = new Map(nodes.map(({ id, url }) => [id, new URL(url).origin]));
      const { primaries } = preferenceList(partition, [...urlOf.keys()], replicationFactor);
      connections = primaries.flatMap((id) => this.#connections.get(urlOf.get(id) ?? '') ?? []);
      if (this.#primaries.size >= PRIMARIES_REMEMBERED_MAX) this.#primaries.clear();
      this.#primaries.set(partition, connections);
    }
    this.#lastPartition = partition;
    this.#lastPrimaries = connections;
    return connections;
  }

  async #learnLayout(): Promise<void> {
    const deadline = performance.now() + this.#timeoutMs;
    for (;;) {
      if (this.#closed) throw new MendlogError('CLOSED', 'the client is closed');
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) {
        throw this.#noneOpen('no node answered');
      }
      const open = await this.#firstOpen(leftMs);
      const layout = await open?.call.cluster.layout
        .query(undefined, { context: { timeoutMs: leftMs } })
        .catch(() => undefined);
      if (layout !== undefined) {
        this.#layout = layout;
        for (const { url } of layout.nodes) this.#connect(url);
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, Math.min(RETRY_MS, leftMs)));
    }
  }

  async #firstOpen(timeoutMs: number): Promise<NodeConnection | undefined> {
    const connections = [...this.#connections.values()];
    await Promise.any(
      connections.map(async (connection) => {
        if (!(await connection.waitUntilOpen(timeoutMs))) throw new Error('not open');
      }),
    ).catch(() => undefined);
    return this.#anyOpen();
  }
}
