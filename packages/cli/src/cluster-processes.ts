/**
 * A cluster of real processes on this machine: three nodes and a gateway, each a `mendlog` of its own.
 *
 * Each process ends with its parent, however that one ends: it watches its standard input, which the
 * system closes. It has a process group of its own, so that a Ctrl-C on the terminal reaches the parent
 * alone, which then ends the others in order.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MendlogError } from '@mendlog/core';

const MAIN = fileURLToPath(new URL('./main.js', import.meta.url));
const HOST = '127.0.0.1';
const START_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 5000;
const ERROR_TAIL_CHARS = 4000;

/** The gateway's first port, one for each node, and four more of the gateway. */
const CLUSTER_PORTS = 8;
export const NODE_IDS = ['node1', 'node2', 'node3'] as const;
export type NodeId = (typeof NODE_IDS)[number];

export interface ClusterOptions {
  readonly basePort: number;
  readonly dataDir: string;
  /** Passed on to every process. */
  readonly secretFile?: string | undefined;
  readonly configFile?: string | undefined;
  /** Of the processes; this one's own where it is left out. */
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

interface Running {
  readonly child: ChildProcess;
  readonly exited: Promise<void>;
}

export class ClusterProcesses {
  readonly gatewayUrl: string;
  readonly nodeUrls: Readonly<Record<NodeId, string>>;
  readonly #options: ClusterOptions;
  readonly #running = new Map<string, Running>();
  #stopped = false;

  constructor(options: ClusterOptions) {
    const { basePort } = options;
    this.#options = options;
    this.gatewayUrl = `http://${HOST}:${basePort}`;
    this.nodeUrls = {
      node1: `http://${HOST}:${basePort + 1}`,
      node2: `http://${HOST}:${basePort + 2}`,
      node3: `http://${HOST}:${basePort + 3}`,
    };
  }

  /** Starts all four. Rejects with one sentence of the process that did not come up. */
  async start(): Promise<void> {
    await Promise.all([...NODE_IDS.map((nodeId) => this.startNode(nodeId)), this.#startGateway()]);
  }

  async startNode(nodeId: NodeId): Promise<void> {
    const data = join(this.#options.dataDir, nodeId);
    const listen = new URL(this.nodeUrls[nodeId]).host;
    await this.#spawn(nodeId, ['serve', '--id', nodeId, '--data', data, '--listen', listen]);
  }

  /** SIGKILL: no farewell, no flush. */
  async kill(name: string): Promise<void> {
    const running = this.#running.get(name);
    running?.child.kill('SIGKILL');
    await running?.exited;
  }

  /** Ends what runs, by force where it takes too long. Nothing starts after it. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(
      [...this.#running.values()].map(async ({ child, exited }) => {
        child.kill('SIGTERM');
        const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
        await exited;
        clearTimeout(timer);
      }),
    );
  }

  async #startGateway(): Promise<void> {
    const { basePort } = this.#options;
    const ports = [basePort, basePort + 4, basePort + 5, basePort + 6, basePort + 7];
    await this.#spawn('gateway', ['gateway', '--listen', ...ports.map((port) => `${HOST}:${port}`)]);
  }

  async #spawn(name: string, args: readonly string[]): Promise<void> {
    if (this.#stopped) throw new MendlogError('CLOSED', 'the cluster is stopped');
    const peers = NODE_IDS.flatMap((nodeId) => ['--peer', `${nodeId}=${this.nodeUrls[nodeId]}`]);
    const { secretFile, configFile } = this.#options;
    const secret = secretFile === undefined ? [] : ['--secret-file', secretFile];
    const config = configFile === undefined ? [] : ['--config', configFile];
    const child = spawn(
      process.execPath,
      [MAIN, ...args, ...peers, ...secret, ...config, '--stop-with-stdin'],
      {
        detached: true,
        env: this.#options.env ?? process.env,
        cwd: this.#options.cwd,
        stdio: ['pipe', 'pipe', 'pipe'],
      },
    );
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => {
      errors = (errors + chunk.toString('utf8')).slice(-ERROR_TAIL_CHARS);
    });
    const exited = new Promise<void>((resolve) => {
      child.once('exit', () => {
        this.#running.delete(name);
        resolve();
      });
    });
    this.#running.set(name, { child, exited });
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(startFailure(name, 'it did not come up in time')),
        START_TIMEOUT_MS,
      );
      child.stdout.on('data', () => {
        clearTimeout(timer);
        resolve();
      });
      child.once('error', (error) => reject(startFailure(name, error.message)));
      // Once its output has ended too: the sentence may come after the process.
      child.once('close', () => {
        clearTimeout(timer);
        reject(startFailure(name, sentenceOf(errors)));
      });
    });
  }
}

function startFailure(name: string, why: string): MendlogError {
  return new MendlogError('BAD_CONFIG', `${name} did not start: ${why}`);
}

/** The sentence that a process left on standard error, without its log lines. */
function sentenceOf(errors: string): string {
  const sentence = errors.split('\n').findLast((line) => line.startsWith('mendlog: '));
  return sentence?.slice('mendlog: '.length) ?? 'it ended without a word';
}

/** Below the ports that systems give to outgoing connections, any of which could be taken at any moment. */
const SEARCH = { first: 15_000, last: 32_000, triesMax: 200 };

/** The first of a cluster's eight consecutive ports, all of them free just now. */
export async function findFreeBasePort(): Promise<number> {
  const places = Math.floor((SEARCH.last - SEARCH.first) / CLUSTER_PORTS);
  const start = Math.floor(Math.random() * places);
  for (let i = 0; i < SEARCH.triesMax; i++) {
    const basePort = SEARCH.first + ((start + i) % places) * CLUSTER_PORTS;
    try {
      await checkPortsAreFree(basePort);
      return basePort;
    } catch {
      // Somebody uses one of them: the next eight may be free.
    }
  }
  throw new MendlogError('BAD_CONFIG', `no ${CLUSTER_PORTS} consecutive free ports were found`);
}

/** Rejects with BAD_CONFIG and one sentence that names a port of the cluster's eight which is taken. */
export async function checkPortsAreFree(basePort: number): Promise<void> {
  for (let offset = 0; offset < CLUSTER_PORTS; offset++) await checkPortIsFree(basePort + offset);
}

async function checkPortIsFree(port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (cause) => {
      const taken = 'code' in cause && cause.code === 'EADDRINUSE';
      const why = taken
        ? 'is taken; stop what uses it, or choose others with --base-port'
        : `cannot be used: ${cause.message}`;
      reject(new MendlogError('BAD_CONFIG', `port ${port} ${why}`, { cause }));
    });
    probe.listen(port, HOST, () => probe.close(() => resolve()));
  });
}
