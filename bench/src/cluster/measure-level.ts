/** One level of load on a cluster of its own: what a number of outstanding calls gets, and what it costs. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { bytesCodec, createClient } from '@mendlog/client';
import { ClientProfile } from './client-profile.js';
import { ClosedLoop } from './closed-loop.js';
import { ClusterNodes } from './cluster-nodes.js';
import { machineSeconds, processSeconds } from './cpu-times.js';
import { type Gauges, gaugesBehind } from './gauges.js';
import type { Mode } from './modes.js';
import {
  type Reading,
  statisticsOf,
  type Window,
  type WindowStatistics,
  windowBetween,
  windowsOf,
} from './windows.js';

export const VALUE_BYTES = 256;

export interface LevelOptions {
  readonly mode: Mode;
  readonly outstanding: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly partitions: number;
  /** For the nodes' data. */
  readonly folder: string;
  /** For the profiles of all processes. */
  readonly profiles: string | undefined;
  readonly onWindow: (window: Window) => void;
  /** Ends the run from outside, or from within when a node is lost. */
  readonly stopping: AbortController;
}

export interface LevelResult {
  readonly outstanding: number;
  readonly records: number;
  readonly recordsPerSecond: WindowStatistics;
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly p999: number };
  readonly errors: Readonly<Record<string, number>>;
  readonly windows: readonly Window[];
  /** Of each node, in order. */
  readonly gaugesAfterWarmUp: readonly Gauges[];
  readonly gaugesAtEnd: readonly Gauges[];
}

/** Rejects with the reason of `stopping` when that aborts; nothing runs any more then. */
export async function measureLevel(options: LevelOptions): Promise<LevelResult> {
  const { folder, profiles, stopping, outstanding } = options;
  const { signal } = stopping;
  mkdirSync(folder, { recursive: true });
  if (profiles !== undefined) mkdirSync(profiles, { recursive: true });
  await using nodes = await ClusterNodes.start({
    folder,
    profiles,
    signal,
    onLost: (why) => stopping.abort(why),
  });
  await using client = createClient({ nodes: nodes.urls, consistency: 'QUORUM' });
  const partitions = Array.from({ length: options.partitions }, (_, i) =>
    client.partition(`bench-${i}`, { codec: bytesCodec }),
  );
  const call = await options.mode.begin({ partitions, value: Buffer.alloc(VALUE_BYTES, 'mendlog ') });
  const profile = profiles === undefined ? undefined : new ClientProfile();
  await profile?.start();

  const loop = new ClosedLoop(call, outstanding);
  const running = loop.run();
  const windows: Window[] = [];
  const readGauges = () => Promise.all(nodes.urls.map((url) => gaugesBehind(url, signal)));
  const read = (): Reading => ({
    atMs: performance.now(),
    records: loop.latencies.count,
    cpuSeconds: { client: clientSeconds(), ...nodeSeconds(nodes.pids) },
    machineSeconds: machineSeconds(),
  });
  try {
    await delay(options.warmUpSeconds * 1000, undefined, { signal });
    const gaugesAfterWarmUp = await readGauges();
    loop.forget();
    const { count, seconds } = windowsOf(options.seconds);
    for (let before = read(); windows.length < count; ) {
      await delay(seconds * 1000, undefined, { signal });
      const after = read();
      const window = windowBetween(before, after);
      windows.push(window);
      options.onWindow(window);
      before = after;
    }
    const { latencies } = loop;
    const result = {
      outstanding,
      records: latencies.count,
      recordsPerSecond: statisticsOf(windows),
      latencyMs: {
        p50: latencies.quantileMs(0.5),
        p99: latencies.quantileMs(0.99),
        p999: latencies.quantileMs(0.999),
      },
      errors: Object.fromEntries(loop.errors),
      windows,
      gaugesAfterWarmUp,
      gaugesAtEnd: await readGauges(),
    };
    if (profiles !== undefined) await profile?.writeTo(join(profiles, 'client.cpuprofile'));
    return result;
  } finally {
    loop.stop();
    await running;
  }
}

function clientSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function nodeSeconds(pids: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(pids).map(([id, pid]) => [id, processSeconds(pid)]));
}
