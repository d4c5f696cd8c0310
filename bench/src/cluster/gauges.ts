/** Gauges of a node that say how far its background work is behind, read from its metrics. */

/** Those that a node does not have are left out. */
const BEHIND = ['mendlog_index_lag_bytes', 'mendlog_write_queue_bytes', 'hints_pending'] as const;

const PEER_UP = 'mendlog_peer_up';

export type Gauges = Readonly<Record<string, number>>;

export async function gaugesBehind(url: string, signal: AbortSignal): Promise<Gauges> {
  const text = await metricsText(url, signal);
  return Object.fromEntries(
    BEHIND.flatMap((name) => {
      const samples = samplesOf(text, name);
      return samples.length === 0 ? [] : [[name, samples.reduce((sum, sample) => sum + sample, 0)]];
    }),
  );
}

/** Repairs of reads that the nodes have made since they started. */
export async function readRepairs(urls: readonly string[], signal: AbortSignal): Promise<number> {
  const texts = await Promise.all(urls.map((url) => metricsText(url, signal)));
  return texts
    .flatMap((text) => samplesOf(text, 'read_repairs_triggered_total'))
    .reduce((sum, sample) => sum + sample, 0);
}

/** Whether the node sees all the others. */
export async function seesItsPeers(url: string, signal: AbortSignal): Promise<boolean> {
  return samplesOf(await metricsText(url, signal), PEER_UP).every((sample) => sample === 1);
}

/** The samples of one family in Prometheus' text format. */
export function samplesOf(text: string, name: string): number[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .map((line) => Number(line.slice(line.lastIndexOf(' '))));
}

async function metricsText(url: string, signal: AbortSignal): Promise<string> {
  const response = await fetch(`${url}/metrics`, { signal });
  return await response.text();
}
