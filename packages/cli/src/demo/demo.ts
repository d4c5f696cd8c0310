/** `mendlog demo`: starts a cluster of processes, tells the story on it, and serves on. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createClient } from '@mendlog/client';
import { makeDataDir } from '@mendlog/node/config';
import { ClusterProcesses, checkPortsAreFree } from '../cluster-processes.js';
import { readConfig } from '../config.js';
import { unlessAborted, untilStopped } from '../interrupt.js';
import { Narrator } from '../narrator.js';
import { checkSecret } from '../secret.js';
import { findInputs, readInputs } from './input.js';
import { type StoryResult, tellStory } from './story.js';

export interface DemoOptions {
  readonly input?: readonly string[];
  readonly data?: string;
  readonly basePort?: number;
  readonly secretFile?: string;
  readonly config?: string;
  readonly exit?: boolean;
  readonly json?: boolean;
}

/** Returns the exit status: 0 only where the replicas are equal and nothing acknowledged is missing or altered. */
export async function runDemo(options: DemoOptions, signal: AbortSignal): Promise<number> {
  const narrator = new Narrator();
  narrator.say('Mendlog: three nodes, one of them about to die.');
  const files = options.input === undefined ? findInputs() : readInputs(options.input);
  const { basePort, data, secretFile } = options;
  const config = readConfig({ 'ports.base': basePort, dataDir: data, secretFile }, options.config);
  checkSecret(config.secretFile);
  // Asked before anything starts, so that a taken port leaves no folder and no process behind.
  await unlessAborted(signal, checkPortsAreFree(config['ports.base']));
  if (config.dataDir !== undefined) makeDataDir(config.dataDir);
  const keptDir = config.dataDir === undefined ? undefined : resolve(config.dataDir);
  const dataDir = keptDir ?? mkdtempSync(join(tmpdir(), 'mendlog-'));
  const cluster = new ClusterProcesses({
    basePort: config['ports.base'],
    dataDir,
    secretFile: config.secretFile,
    configFile: options.config,
  });
  try {
    await unlessAborted(signal, cluster.start());
    const client = createClient({ nodes: Object.values(cluster.nodeUrls) });
    let result: StoryResult;
    try {
      // A signal in the middle of the story ends the client, and with it whatever waits for an answer.
      result = await unlessAborted(signal, tellStory({ cluster, client, files, narrator, signal }));
    } finally {
      await client.close();
    }
    if (!options.exit) tellCommands(narrator, cluster, files[0]?.partition ?? 'events');
    if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`);
    if (!options.exit) {
      await untilStopped(signal, { withStdin: false });
      throw signal.reason;
    }
    return result.equal && result.missingAfterHeal === 0 && result.acknowledged === result.written ? 0 : 1;
  } finally {
    await cluster.stop();
    if (keptDir === undefined) rmSync(dataDir, { recursive: true, force: true });
  }
}

function tellCommands(narrator: Narrator, cluster: ClusterProcesses, partition: string): void {
  const url = cluster.gatewayUrl;
  narrator.say('');
  narrator.say('The cluster goes on serving until Ctrl-C. Try:');
  narrator.say(`  curl ${url}/api/health`);
  narrator.say(`  curl -X POST ${url}/api/write -d '{"partitionId":"notes","message":"hello"}'`);
  narrator.say(`  curl ${url}/api/read/notes/1`);
  narrator.say(`  curl '${url}/api/scan/${partition}?limit=3'`);
  narrator.say(`  curl ${url}/api/hints/stats`);
  narrator.say(`  curl '${url}/api/coordinator/jobs?limit=3'`);
}
