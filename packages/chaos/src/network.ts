/** The network process as its parent sees it: what each node may know of the others' addresses, and what passes. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { MendlogError } from '@mendlog/core';
import type { NodeId } from './fault.js';
import type { NetworkAnswer, NetworkOrder } from './network-process.js';
import type { PassageState } from './passages.js';

const NETWORK_PROCESS = fileURLToPath(new URL('./network-process.js', import.meta.url));
const HOST = '127.0.0.1';

export class Network implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  readonly #ports: Record<NodeId, number> = { node1: 0, node2: 0, node3: 0 };
  readonly #waiting = new Map<number, () => void>();
  #links: readonly { readonly from: NodeId; readonly to: NodeId; readonly port: number }[] = [];
  #passages: readonly PassageState[] = [];
  #nextOrder = 1;

  static async start(): Promise<Network> {
    const network = new Network();
    await new Promise<void>((resolve, reject) => {
      network.#child.on('message', (answer: NetworkAnswer) => {
        if ('links' in answer) {
          network.#links = answer.links;
          resolve();
        } else network.#done(answer.number);
      });
      void network.#exited.then(() => reject(new MendlogError('INTERNAL', 'the network process has ended')));
    });
    return network;
  }

  private constructor() {
    this.#child = fork(NETWORK_PROCESS, { detached: true, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#exited = new Promise((resolve) => {
      this.#child.once('error', () => resolve());
      this.#child.once('exit', () => resolve());
    });
    // Whoever waits for an order that nobody carries out any more would wait for ever.
    void this.#exited.then(() => {
      for (const number of [...this.#waiting.keys()]) this.#done(number);
    });
  }

  /** The addresses of all nodes for one node, its own included, and for clients beside it. */
  urlsFor(node: NodeId): Record<string, string> {
    const mine = this.#links.filter(({ from }) => from === node);
    return Object.fromEntries(mine.map(({ to, port }) => [to, `http://${HOST}:${port}`]));
  }

  /** Resolves when connections to the node lead there; 0: it does not run. */
  async setPort(node: NodeId, port: number): Promise<void> {
    this.#ports[node] = port;
    await this.#order();
  }

  /** Resolves when these hold. */
  async setPassages(passages: readonly PassageState[]): Promise<void> {
    this.#passages = passages;
    await this.#order();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  async #order(): Promise<void> {
    const order: NetworkOrder = {
      number: this.#nextOrder++,
      ports: { ...this.#ports },
      passages: this.#passages,
    };
    if (!this.#child.connected) throw new MendlogError('INTERNAL', 'the network process has ended');
    await new Promise<void>((resolve) => {
      this.#waiting.set(order.number, resolve);
      this.#child.send(order);
    });
  }

  #done(number: number): void {
    this.#waiting.get(number)?.();
    this.#waiting.delete(number);
  }
}
