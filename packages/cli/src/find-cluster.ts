/** A cluster of the demo's shape that runs already: found by its first port. */
import { type Client, createClient } from '@mendlog/client';
import { type ConsistencyLevel, MendlogError } from '@mendlog/core';
import type { Health } from '@mendlog/node';

const HOST = '127.0.0.1';
/** The gateway, then the nodes: any of them knows the others. */
const PORTS_ASKED = 4;
const TIMEOUT_MS = 5000;

export interface RunningCluster {
  readonly url: string;
  readonly client: Client;
}

/** Rejects with UNREACHABLE, or with UNAVAILABLE where no quorum is alive; the client is the caller's to close. */
export async function findCluster(
  basePort: number,
  { consistency, signal }: { consistency: ConsistencyLevel; signal: AbortSignal },
): Promise<RunningCluster> {
  for (let port = basePort; port < basePort + PORTS_ASKED; port++) {
    const url = `http://${HOST}:${port}`;
    const health = await healthAt(url, AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]));
    signal.throwIfAborted();
    if (health === undefined) continue;
    if (health.status === 'DOWN')
      throw new MendlogError('UNAVAILABLE', `the cluster at ${url} is DOWN: too few of its nodes are alive`);
    return { url, client: createClient({ nodes: health.nodes.map((node) => node.url), consistency }) };
  }
  throw new MendlogError(
    'UNREACHABLE',
    `no cluster answers at http://${HOST}:${basePort}: start one with npm start, or name its first port with --base-port`,
  );
}

/** Undefined where nobody answers, or somebody else. */
async function healthAt(url: string, signal: AbortSignal): Promise<Health | undefined> {
  try {
    const response = await fetch(`${url}/api/health`, { signal });
    const answer: Health = JSON.parse(await response.text());
    return Array.isArray(answer.nodes) ? answer : undefined;
  } catch {
    return undefined;
  }
}
