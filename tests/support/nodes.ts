// Three `mendlog serve` processes that can be killed and started again, and what a test asks of them over REST.
import { join } from 'node:path';
import type { Health, HintStats, Jobs, Summary } from '@mendlog/node';
import { expect } from 'vitest';
import { type Command, mendlog } from './command.js';
import { eventually } from './eventually.js';

export const NODE_IDS = ['node1', 'node2', 'node3'] as const;
export type NodeId = (typeof NODE_IDS)[number];

export class Nodes implements AsyncDisposable {
  readonly urls: Readonly<Record<NodeId, string>>;
  readonly #dataDir: string;
  readonly #commands = new Map<NodeId, Command>();

  /** Each node has a folder of its name in the data folder; they listen on the three ports after the base port. */
  constructor(dataDir: string, basePort: number) {
    this.#dataDir = dataDir;
    this.urls = {
      node1: `http://127.0.0.1:${basePort + 1}`,
      node2: `http://127.0.0.1:${basePort + 2}`,
      node3: `http://127.0.0.1:${basePort + 3}`,
    };
  }

  /** Starts these nodes and waits until all three see all three alive. */
  async start(nodeIds: readonly NodeId[] = NODE_IDS): Promise<void> {
    for (const nodeId of nodeIds) this.#spawn(nodeId);
    await eventually(
      'all nodes to see each other alive',
      () => {
        this.#checkThatNoneEnded();
        return this.#onEach((nodeId) => this.get<Health>(nodeId, '/api/health'));
      },
      (views) => views.every(({ status }) => status === 'UP'),
    );
  }

  /** Starts one node and waits until it serves, whatever became of the others. */
  async startAlone(nodeId: NodeId): Promise<void> {
    const command = this.#spawn(nodeId);
    await eventually(
      `${nodeId} to listen`,
      () => command.stdout,
      (said) => said.includes(' listens on '),
    );
  }

  /** SIGKILL, to all at once. */
  async kill(nodeIds: readonly NodeId[] = NODE_IDS): Promise<void> {
    const commands = nodeIds.flatMap((nodeId) => this.#commands.get(nodeId) ?? []);
    for (const command of commands) command.kill('SIGKILL');
    await Promise.all(commands.map(({ ended }) => ended));
    for (const nodeId of nodeIds) this.#commands.delete(nodeId);
  }

  /** Waits until these nodes see that one down. */
  async waitUntilSeenDown(down: NodeId, by: readonly NodeId[]): Promise<void> {
    await eventually(
      `${by.join(', ')} to see that ${down} is down`,
      () => Promise.all(by.map((nodeId) => this.get<Health>(nodeId, '/api/health'))),
      (views) => views.every(({ nodes }) => nodes.find(({ id }) => id === down)?.status === 'DOWN'),
    );
  }

  /** Sends a signal that the node may survive. */
  signal(nodeId: NodeId, signal: NodeJS.Signals): void {
    this.#commands.get(nodeId)?.kill(signal);
  }

  /** SIGTERM: the node ends what is under way. */
  async end(nodeId: NodeId): Promise<void> {
    const command = this.#commands.get(nodeId);
    command?.kill('SIGTERM');
    expect(await command?.ended).toMatchObject({ status: 0 });
    this.#commands.delete(nodeId);
  }

  /** Waits until no node keeps a hint. Hints that could not be replayed fail it. */
  async waitUntilHintsAreReplayed(): Promise<void> {
    await eventually(
      'all hints to be replayed',
      () => this.#onEach((nodeId) => this.get<HintStats>(nodeId, '/api/hints/stats')),
      (stats) => stats.every(({ pending }) => pending === 0),
    );
  }

  /** Triggers anti-entropy on every node and waits until no job is left. */
  async reconcile(): Promise<void> {
    await this.#onEach((nodeId) =>
      this.#ask(nodeId, '/api/coordinator/trigger', { method: 'POST', body: '{}' }),
    );
    await eventually(
      'all anti-entropy jobs to end',
      () => this.#onEach((nodeId) => this.get<Jobs>(nodeId, '/api/coordinator/jobs?limit=1000')),
      (pages) => pages.every(({ jobs }) => jobs.every(({ finishedAt }) => finishedAt !== null)),
    );
  }

  /** What each node holds, by its own digests. */
  async summaries(): Promise<Record<NodeId, Summary>> {
    const [node1, node2, node3] = await this.#onEach(async (nodeId) => {
      const [summary] = await this.get<Summary[]>(nodeId, '/api/cluster/summary');
      if (summary === undefined) throw new Error(`${nodeId} has no summary of itself`);
      return summary;
    });
    if (node1 === undefined || node2 === undefined || node3 === undefined)
      throw new Error('a node is missing');
    return { node1, node2, node3 };
  }

  async get<Answer>(nodeId: NodeId, path: string): Promise<Answer> {
    return JSON.parse(await this.#ask(nodeId, path));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  #spawn(nodeId: NodeId): Command {
    const peers = NODE_IDS.flatMap((id) => ['--peer', `${id}=${this.urls[id]}`]);
    const listen = new URL(this.urls[nodeId]).host;
    const args = ['serve', '--id', nodeId, '--data', join(this.#dataDir, nodeId), '--listen', listen];
    // A test that is interrupted leaves no node behind: its end closes their standard input.
    const command = mendlog([...args, ...peers, '--stop-with-stdin']);
    this.#commands.set(nodeId, command);
    return command;
  }

  async #ask(nodeId: NodeId, path: string, init: RequestInit = {}): Promise<string> {
    const response = await fetch(`${this.urls[nodeId]}${path}`, init);
    const text = await response.text();
    if (!response.ok) throw new Error(`${nodeId} answered ${path} with ${response.status}: ${text}`);
    return text;
  }

  #onEach<Answer>(ask: (nodeId: NodeId) => Promise<Answer>): Promise<Answer[]> {
    return Promise.all(NODE_IDS.map(ask));
  }

  /** A node that ended by itself says why, and waiting for it would only hide that. */
  #checkThatNoneEnded(): void {
    for (const [nodeId, command] of this.#commands) {
      const said = command.stderr.split('\n').find((line) => line.startsWith('mendlog: '));
      if (said !== undefined) throw new Error(`${nodeId}: ${said}`);
    }
  }
}
