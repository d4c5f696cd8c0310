/** The story of the demo: write, kill, write on, lose hints, return, replay, compare, repair, prove. */
import { type Client, MendlogError } from '@mendlog/client';
import type { ClusterProcesses } from '../cluster-processes.js';
import { GatewayApi } from '../gateway-api.js';
import type { Narrator } from '../narrator.js';
import { counted } from '../words.js';
import { Written } from '../written.js';
import type { InputFile } from './input.js';

export interface StoryResult {
  readonly written: number;
  readonly acknowledged: number;
  readonly killedNode: string;
  readonly hintsStored: number;
  readonly hintsDropped: number;
  readonly hintsReplayed: number;
  readonly missingBeforeRepair: number;
  readonly repairedByAntiEntropy: number;
  readonly missingAfterHeal: number;
  readonly roots: Readonly<Record<string, string>>;
  readonly equal: boolean;
  readonly seconds: number;
}

export interface Stage {
  readonly cluster: ClusterProcesses;
  readonly client: Client;
  readonly files: readonly InputFile[];
  readonly narrator: Narrator;
  readonly signal: AbortSignal;
}

const VICTIM = 'node3';
const SHARE_BEFORE_KILL = 0.6;
const SHARE_OF_HINTS_DROPPED = 0.5;

export async function tellStory({ cluster, client, files, narrator, signal }: Stage): Promise<StoryResult> {
  const startedMs = performance.now();
  const lines = files.reduce((sum, file) => sum + file.lines.length, 0);
  const api = new GatewayApi(cluster.gatewayUrl, signal);
  const written = new Written(client);

  await api.waitForHealth('UP');
  const there = await api.partitionNames();
  const again = files.find(({ partition }) => there.has(partition));
  if (again !== undefined) {
    throw new MendlogError(
      'BAD_REQUEST',
      `the data folder holds ${again.partition} of an earlier run already: name another one with --data`,
    );
  }
  narrator.say(
    `Nodes: ${Object.entries(cluster.nodeUrls)
      .map(([id, url]) => `${id} ${url}`)
      .join(', ')}; gateway ${cluster.gatewayUrl}`,
  );
  narrator.say(`Input: ${counted(lines, 'line')} from ${files.map(({ path }) => path).join(', ')}`);

  const write = async (from: number, to: number) => {
    const beganMs = performance.now();
    const done = await written.write(files, from, to, (n) => narrator.progress(`${n} lines acknowledged`));
    const seconds = (performance.now() - beganMs) / 1000;
    return `${counted(done, 'line')} acknowledged at QUORUM in ${seconds.toFixed(2)} s (${Math.round(done / seconds)} lines/s, each flushed on two nodes or three)`;
  };

  // Left alone, the cluster would mend itself before the story could show what was missing.
  await api.pauseAntiEntropy();
  narrator.say(`1. ${await write(0, SHARE_BEFORE_KILL)}`);
  await cluster.kill(VICTIM);
  narrator.say(`2. ${VICTIM} killed with SIGKILL; writes go on`);
  narrator.say(`   ${await write(SHARE_BEFORE_KILL, 1)}`);
  const { unknownOutcomes } = written;
  if (unknownOutcomes > 0)
    narrator.say(
      `   ${counted(unknownOutcomes, 'line')} of unknown outcome written once more; may be there twice`,
    );

  const pending = await api.waitForStableHints();
  const dropped = await api.dropHints(VICTIM, SHARE_OF_HINTS_DROPPED);
  narrator.say(
    `3. ${counted(pending, 'hint')} kept for ${VICTIM}; ${dropped} of them thrown away, so that hints alone cannot heal`,
  );

  await cluster.startNode(VICTIM);
  await api.waitForHealth('UP');
  await api.pauseAntiEntropy();
  const hints = await api.waitUntilHintsAreReplayed((left) => narrator.progress(`${left} hints wait`));
  narrator.say(`4. ${VICTIM} is back: ${counted(hints.replayed, 'hint')} replayed`);

  const missing = await api.missingOn(VICTIM);
  narrator.say(`5. digests compared: ${VICTIM} lacks exactly ${counted(missing, 'record')}`);
  const repairedBefore = performance.now();
  const jobs = await api.reconcile((left) => narrator.progress(`${left} jobs wait`));
  const repaired = jobs.reduce((sum, job) => sum + job.recordsRepaired, 0);
  const bytes = jobs.reduce((sum, job) => sum + job.bytesSent + job.bytesReceived, 0);
  narrator.say(
    `6. anti-entropy: ${counted(repaired, 'record')} streamed by ${counted(jobs.length, 'job')}, ${bytes} bytes in all, ${((performance.now() - repairedBefore) / 1000).toFixed(2)} s`,
  );

  const roots = await api.roots();
  const equal = Object.keys(roots).length === 3 && new Set(Object.values(roots)).size === 1;
  for (const [nodeId, root] of Object.entries(roots)) narrator.say(`   ${nodeId} root ${root}`);
  narrator.say(equal ? '7. the roots of the three nodes are equal' : '7. the roots DIFFER');

  const comparison = await written.compare((n) => narrator.progress(`${n} records read back`));
  const missingAfterHeal = comparison.missing + comparison.altered + comparison.strange;
  narrator.say(
    `8. ${counted(comparison.read, 'record')} read back at QUORUM: ${comparison.missing} missing, ${comparison.altered} altered, ${comparison.strange} never written`,
  );

  return {
    written: lines,
    acknowledged: written.acknowledged,
    killedNode: VICTIM,
    hintsStored: hints.stored,
    hintsDropped: dropped,
    hintsReplayed: hints.replayed,
    missingBeforeRepair: missing,
    repairedByAntiEntropy: repaired,
    missingAfterHeal,
    roots,
    equal,
    seconds: Math.round(performance.now() - startedMs) / 1000,
  };
}
