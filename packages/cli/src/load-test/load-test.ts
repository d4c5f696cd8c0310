/** `mendlog load-test`: loads a running cluster and says how fast it was, and what failed. */
import type { ConsistencyLevel, LatencyHistogram, LatencySummary } from '@mendlog/core';
import { readConfig } from '../config.js';
import { findCluster } from '../find-cluster.js';
import { Narrator } from '../narrator.js';
import { Load, type LoadOptions } from './load.js';

export interface LoadTestOptions extends LoadOptions {
  readonly seconds: number;
  readonly consistency: ConsistencyLevel;
  readonly basePort?: number;
  readonly config?: string;
  readonly json?: boolean;
}

interface CallResult {
  readonly count: number;
  readonly perSecond: number;
  readonly latencyMs: LatencySummary;
}

const LIVE_INTERVAL_MS = 1000;

/** Returns 0 where records were acknowledged and none that was read was missing or altered. */
export async function runLoadTest(options: LoadTestOptions, signal: AbortSignal): Promise<number> {
  const narrator = new Narrator();
  const config = readConfig({ 'ports.base': options.basePort }, options.config);
  const { seconds, writers, valueBytes, partitions, consistency, readShare } = options;
  const { url, client } = await findCluster(config['ports.base'], { consistency, signal });
  narrator.say(
    `${writers} writers, each awaiting one call after another for ${seconds} s: values of ${valueBytes} bytes, ${partitions} partitions, ${consistency}, ${Math.round(readShare * 100)} % reads, against ${url}`,
  );
  const load = new Load(client, options);
  const startedMs = performance.now();
  const elapsedSeconds = () => (performance.now() - startedMs) / 1000;
  const live = setInterval(() => {
    narrator.live(liveLine(elapsedSeconds(), load));
    load.latest.clear();
  }, LIVE_INTERVAL_MS);
  const end = setTimeout(() => load.stop(), seconds * 1000);
  signal.addEventListener('abort', () => load.stop(), { once: true });
  try {
    await load.run();
  } finally {
    clearInterval(live);
    clearTimeout(end);
    await client.close();
  }

  // As it is told: whoever divides gets the same rates.
  const ranSeconds = rounded(elapsedSeconds());
  const writes = callResult(load.writes, ranSeconds);
  const reads = callResult(load.reads, ranSeconds);
  const errors = Object.fromEntries(load.errors);
  narrator.say(`${writes.count} writes acknowledged at ${consistency} in ${ranSeconds.toFixed(2)} s:`);
  narrator.say(callLine('writes', writes));
  if (readShare > 0) narrator.say(callLine('reads', reads));
  const told = Object.entries(errors).map(([code, count]) => `${code} ${count}`);
  narrator.say(`  errors: ${told.length === 0 ? 'none' : told.join(', ')}`);
  if (options.json) {
    const parameters = { writers, valueBytes, partitions, consistency, readShare };
    process.stdout.write(
      `${JSON.stringify({ seconds: ranSeconds, ...parameters, writes, reads, errors })}\n`,
    );
  }
  signal.throwIfAborted();
  return writes.count > 0 && !load.errors.has('MISSING') && !load.errors.has('ALTERED') ? 0 : 1;
}

function liveLine(seconds: number, load: Load): string {
  const { p50, p99 } = load.latest.summary();
  return `${seconds.toFixed(0).padStart(4)} s  ${load.latest.count} writes/s, p50 ${p50} ms, p99 ${p99} ms, ${load.errorCount} errors so far`;
}

function callLine(name: string, { perSecond, latencyMs }: CallResult): string {
  const { p50, p90, p99, max } = latencyMs;
  return `  ${perSecond} ${name}/s, latency p50 ${p50} ms, p90 ${p90} ms, p99 ${p99} ms, max ${max} ms`;
}

function callResult(latencies: LatencyHistogram, seconds: number): CallResult {
  return {
    count: latencies.count,
    perSecond: Math.round(latencies.count / seconds),
    latencyMs: latencies.summary(),
  };
}

function rounded(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}
