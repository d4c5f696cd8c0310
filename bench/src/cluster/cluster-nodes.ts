/**
 * Three nodes on this machine, each a process with a data folder of its own. Each is in a process group of its
 * own, so that a Ctrl-C reaches the benchmark alone, which then ends them; and each ends by itself when the
 * benchmark does, however that happens.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { MendlogError } from '@mendlog/core';
import { freePorts } from './free-ports.js';
import { seesItsPeers } from './gauges.js';

const NODE_PROCESS = fileURLToPath(new URL('./node-process.js', import.meta.url));
const NODE_IDS = ['node1', 'node2', 'node3'] as const;
const REPLICATION = 3;
const HOST = '127.0.0.1';
const POLL_MS = 50;
const START_TIMEOUT_MS = 20_000;
/** A node flushes, and one that is profiled writes its profile. */
const STOP_TIMEOUT_MS = 30_000;

export interface ClusterNodesOptions {
  /** A folder for each node is made in it. */
  readonly folder: string;
  /** Where each leaves a CPU profile, named after it, when it ends. */
  readonly profiles: string | undefined;
  /** A node has ended that nobody has stopped. */
  readonly onLost: (why: MendlogError) => void;
  readonly signal: AbortSignal;
}

interface RunningNode {
  readonly id: string;
  readonly url: string;
  readonly child: ChildProcess;
  readonly exited: Promise<void>;
}

export class ClusterNodes implements AsyncDisposable {
  readonly #nodes: readonly RunningNode[];
  #stopping = false;

  /** Starts them; resolves when each sees the others. Rejects with BAD_CONFIG, and has left nothing running. */
  static async start(options: ClusterNodesOptions): Promise<ClusterNodes> {
    const ports = await freePorts(NODE_IDS.length);
    const urls = NODE_IDS.map((id, i) => [id, `http://${HOST}:${ports[i]}`] as const);
    const nodes = new ClusterNodes(options, urls);
    const timeout = AbortSignal.timeout(START_TIMEOUT_MS);
    try {
      const signal = AbortSignal.any([options.signal, timeout]);
      await Promise.all(nodes.#nodes.map((node) => untilListens(node, signal)));
      for (const { url } of nodes.#nodes) {
        while (!(await seesItsPeers(url, signal))) await delay(POLL_MS, undefined, { signal });
      }
      return nodes;
    } catch (cause) {
      await nodes[Symbol.asyncDispose]();
      if (!timeout.aborted || options.signal.aborted) throw cause;
      const seconds = START_TIMEOUT_MS / 1000;
      throw new MendlogError('BAD_CONFIG', `the nodes did not find each other in ${seconds} s`, { cause });
    }
  }

  private constructor(options: ClusterNodesOptions, urls: readonly (readonly [id: string, url: string])[]) {
    this.#nodes = urls.map(([id, url]) => {
      const child = fork(NODE_PROCESS, [JSON.stringify(nodeOptions(id, Object.fromEntries(urls), options))], {
        detached: true,
        execArgv: options.profiles === undefined ? [] : profileArguments(options.profiles, id),
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      });
      const exited = new Promise<void>((resolve) => {
        child.once('error', () => resolve());
        child.once('exit', () => resolve());
      });
      void exited.then(() => {
        if (!this.#stopping) options.onLost(new MendlogError('UNAVAILABLE', `${id} has ended by itself`));
      });
      return { id, url, child, exited };
    });
  }

  get urls(): readonly string[] {
    return this.#nodes.map(({ url }) => url);
  }

  /** By node. */
  get urlOf(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.#nodes.map(({ id, url }) => [id, url]));
  }

  /** By node. */
  get pids(): Readonly<Record<string, number>> {
    return Object.fromEntries(
      this.#nodes.flatMap(({ id, child }) => (child.pid === undefined ? [] : [[id, child.pid]])),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true;
    await Promise.all(
      this.#nodes.map(async ({ child, exited }) => {
        child.kill('SIGTERM');
        const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
        await exited;
        clearTimeout(timer);
      }),
    );
  }
}

function nodeOptions(id: string, peers: Readonly<Record<string, string>>, { folder }: ClusterNodesOptions) {
  const listen = new URL(peers[id] ?? '').host;
  return { id, dataDir: join(folder, id), listen, peers, replicationFactor: REPLICATION };
}

function profileArguments(folder: string, id: string): string[] {
  return ['--cpu-prof', `--cpu-prof-dir=${folder}`, `--cpu-prof-name=${id}.cpuprofile`];
}

async function untilListens({ id, child, exited }: RunningNode, signal: AbortSignal): Promise<void> {
  const said = new Promise<string>((resolve, reject) => {
    child.once('message', (why) => resolve(String(why)));
    void exited.then(() => resolve('it has ended'));
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  const why = await said;
  if (why !== '') throw new MendlogError('BAD_CONFIG', `${id} did not start: ${why}`);
}
