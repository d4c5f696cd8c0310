/** Three nodes and the network between them, and the faults that work on them now. */
import { join } from 'node:path';
import { MendlogError } from '@mendlog/core';
import { ChaosNode } from './chaos-node.js';
import { type Fault, isKill, NODE_IDS, type NodeId } from './fault.js';
import { Network } from './network.js';
import { passagesUnder } from './passages.js';

export interface ClusterOptions {
  /** A folder for each node is made in it. */
  readonly folder: string;
  /** Something has ended that nobody has ended. */
  readonly onLost: (why: MendlogError) => void;
}

export class Cluster implements AsyncDisposable {
  readonly network: Network;
  readonly nodes: readonly ChaosNode[];
  readonly #active = new Set<Fault>();
  readonly #starts = new Set<Promise<void>>();
  #lastWiped: ChaosNode | undefined;
  readonly #onLost: (why: MendlogError) => void;

  static async start(options: ClusterOptions): Promise<Cluster> {
    const network = await Network.start();
    const cluster = new Cluster(network, options);
    try {
      await network.setPassages(passagesUnder([]));
      await Promise.all(cluster.nodes.map((node) => node.start()));
      return cluster;
    } catch (cause) {
      await cluster[Symbol.asyncDispose]();
      throw cause;
    }
  }

  private constructor(network: Network, { folder, onLost }: ClusterOptions) {
    this.network = network;
    this.#onLost = onLost;
    this.nodes = NODE_IDS.map((id) => new ChaosNode({ id, dataDir: join(folder, id), network, onLost }));
  }

  /** Resolves when the fault works. */
  async begin(fault: Fault): Promise<void> {
    this.#active.add(fault);
    const nodes = this.#nodesOf(fault);
    if (isKill(fault.kind)) await Promise.all(nodes.map((node) => node.kill()));
    if (fault.kind === 'wipe') for (const node of nodes) await this.#wipe(node);
    if (isKill(fault.kind)) return;
    if (fault.kind === 'stop') for (const node of nodes) node.stop();
    else await this.network.setPassages(passagesUnder([...this.#active]));
  }

  /** A node that was killed starts in the background: the next fault may meet it on its way. */
  async end(fault: Fault): Promise<void> {
    this.#active.delete(fault);
    const nodes = this.#nodesOf(fault);
    if (isKill(fault.kind)) for (const node of nodes) this.#startAgain(node);
    else if (fault.kind === 'stop') for (const node of nodes) node.continue();
    else await this.network.setPassages(passagesUnder([...this.#active]));
  }

  /** Ends all faults, and waits for nodes that start. */
  async heal(): Promise<void> {
    for (const fault of [...this.#active]) await this.end(fault);
    await Promise.all([...this.#starts]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // What is killed ends, stopped or not.
    await Promise.all(this.nodes.map((node) => node.kill().catch(() => {})));
    await this.network[Symbol.asyncDispose]();
  }

  /** Of what only lost disks held nobody promises anything: while one has not been made good, no other is lost. */
  async #wipe(node: ChaosNode): Promise<void> {
    const last = this.#lastWiped;
    if (last !== undefined && last !== node && !(await last.votes())) return;
    this.#lastWiped = node;
    node.wipe();
  }

  #startAgain(node: ChaosNode): void {
    const start = node
      .start()
      .catch((thrown: unknown) =>
        this.#onLost(thrown instanceof MendlogError ? thrown : new MendlogError('INTERNAL', String(thrown))),
      )
      .finally(() => this.#starts.delete(start));
    this.#starts.add(start);
  }

  #nodesOf({ nodes }: Fault): ChaosNode[] {
    return this.nodes.filter(({ id }) => nodes.includes(id));
  }
}

/** Clients are spread over the nodes: the network of one of them is theirs. */
export function neighbourOf(client: number): NodeId {
  return NODE_IDS[client % NODE_IDS.length] ?? 'node1';
}
