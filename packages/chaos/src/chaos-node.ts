/** One node, whose process is killed, started again, stopped and continued, and whose data folder may be lost. */
import { type ChildProcess, fork } from 'node:child_process';
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { MendlogError } from '@mendlog/core';
import type { Health, NodeOptions } from '@mendlog/node';
import type { NodeId } from './fault.js';
import type { Network } from './network.js';
import type { NodeAnswer } from './node-process.js';

const NODE_PROCESS = fileURLToPath(new URL('./node-process.js', import.meta.url));
const ERROR_TAIL_CHARS = 4000;
const VOTES_TIMEOUT_MS = 500;

export interface ChaosNodeOptions {
  readonly id: NodeId;
  readonly dataDir: string;
  readonly network: Network;
  /** Its process has ended, and nobody has killed it. */
  readonly onLost: (why: MendlogError) => void;
}

interface Running {
  readonly child: ChildProcess;
  readonly exited: Promise<void>;
  isKilled: boolean;
}

export class ChaosNode {
  readonly id: NodeId;
  readonly #options: ChaosNodeOptions;
  #running: Running | undefined;
  #url = '';

  constructor(options: ChaosNodeOptions) {
    this.id = options.id;
    this.#options = options;
  }

  /** Where it listens, without the network between. */
  get url(): string {
    return this.#url;
  }

  /** Resolves when it listens, or was killed before. Rejects with one sentence where it ended by itself. */
  async start(): Promise<void> {
    const running = this.#spawn();
    this.#running = running;
    const url = await new Promise<string | undefined>((resolve, reject) => {
      running.child.once('message', (answer: NodeAnswer) => {
        if ('url' in answer) resolve(answer.url);
        else reject(new MendlogError('INTERNAL', `${this.id} did not start: ${answer.failure}`));
      });
      void running.exited.then(() => resolve(undefined));
    });
    if (url === undefined || running.isKilled) return;
    this.#url = url;
    await this.#options.network.setPort(this.id, Number(new URL(url).port));
  }

  /** SIGKILL: no farewell, no flush. */
  async kill(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    running.isKilled = true;
    running.child.kill('SIGKILL');
    await running.exited;
    this.#running = undefined;
    await this.#options.network.setPort(this.id, 0);
  }

  /** While it does not run. */
  wipe(): void {
    rmSync(this.#options.dataDir, { recursive: true, force: true });
  }

  /** Whether it says that its store votes on everything; one that does not answer may not. */
  async votes(): Promise<boolean> {
    try {
      const response = await fetch(`${this.#url}/api/health`, {
        signal: AbortSignal.timeout(VOTES_TIMEOUT_MS),
      });
      const { nodes }: Health = JSON.parse(await response.text());
      return nodes.some(
        ({ id, status, withoutVote }) => id === this.id && status === 'UP' && withoutVote === undefined,
      );
    } catch {
      return false;
    }
  }

  stop(): void {
    this.#running?.child.kill('SIGSTOP');
  }

  continue(): void {
    this.#running?.child.kill('SIGCONT');
  }

  #spawn(): Running {
    const { id, dataDir, network, onLost } = this.#options;
    const options: NodeOptions = {
      id,
      dataDir,
      listen: '127.0.0.1:0',
      peers: network.urlsFor(id),
      replicationFactor: 3,
      // Short, so that more outcomes are unknown.
      writeTimeoutMs: 1000,
      readTimeoutMs: 1000,
      hints: { backoffMs: 200, backoffMaxMs: 2000 },
    };
    const child = fork(NODE_PROCESS, [JSON.stringify(options)], {
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let errors = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      errors = (errors + chunk.toString('utf8')).slice(-ERROR_TAIL_CHARS);
    });
    const exited = new Promise<void>((resolve) => {
      child.once('error', () => resolve());
      child.once('exit', () => resolve());
    });
    const running: Running = { child, exited, isKilled: false };
    void exited.then(() => {
      if (running.isKilled) return;
      const how = child.signalCode ?? `status ${child.exitCode}`;
      onLost(new MendlogError('INTERNAL', `${id} has ended by itself (${how}) ${errors.trim()}`.trim()));
    });
    return running;
  }
}
