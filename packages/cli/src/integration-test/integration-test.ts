/** `mendlog integration-test`: a cluster of its own, on free ports and in a temporary folder, that must heal. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@mendlog/client';
import { ClusterProcesses, findFreeBasePort } from '../cluster-processes.js';
import { GatewayApi } from '../gateway-api.js';
import { unlessAborted } from '../interrupt.js';
import { Narrator } from '../narrator.js';
import { playScenario } from './scenario.js';
import { StepFailed, Steps } from './steps.js';

/** Returns 0 only where every step holds. */
export async function runIntegrationTest(signal: AbortSignal): Promise<number> {
  const narrator = new Narrator();
  narrator.say('Mendlog: an integration test on a cluster of its own.');
  const steps = new Steps(narrator);
  const startedMs = performance.now();
  const basePort = await unlessAborted(signal, findFreeBasePort());
  const dataDir = mkdtempSync(join(tmpdir(), 'mendlog-'));
  // In its own folder and without our variables, so that no settings of this machine change the test.
  const cluster = new ClusterProcesses({
    basePort,
    dataDir,
    cwd: dataDir,
    env: withoutSettings(process.env),
  });
  const client = createClient({ nodes: Object.values(cluster.nodeUrls) });
  const api = new GatewayApi(cluster.gatewayUrl, signal);
  try {
    await unlessAborted(signal, playScenario({ cluster, dataDir, api, client, steps }));
    narrator.say(`${steps.passed} steps, all ok, ${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
    return 0;
  } catch (thrown) {
    signal.throwIfAborted();
    if (!(thrown instanceof StepFailed)) throw thrown;
    narrator.say(`${steps.passed} steps ok, then ${thrown.message}`);
    return 1;
  } finally {
    await client.close();
    await cluster.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('MENDLOG_')));
}
