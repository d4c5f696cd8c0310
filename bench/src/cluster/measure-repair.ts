/**
 * What blocking read repair costs a read: one outstanding get at a time, in turn of a key that all replicas hold alike
 * and of one that one asked replica has missed. Both are measured in one run, so that whatever else the machine does
 * meets both.
 */
import { mkdirSync } from 'node:fs';
import { bytesCodec, createClient } from '@mendlog/client';
import { LatencyHistogram, MendlogError } from '@mendlog/core';
import { ClusterNodes } from './cluster-nodes.js';
import { readRepairs } from './gauges.js';
import { VALUE_BYTES } from './measure-level.js';
import { StaleReplicas } from './stale-replicas.js';

const KEYS = 10_000;
const FILL_OUTSTANDING = 512;

export interface RepairOptions {
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly partitions: number;
  /** For the nodes' data. */
  readonly folder: string;
  readonly stopping: AbortController;
}

interface RepairLatencies {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}

export interface RepairResult {
  readonly plain: RepairLatencies;
  readonly repairing: RepairLatencies;
}

/** Rejects with INTERNAL where a get that should have repaired did not. */
export async function measureRepair(options: RepairOptions): Promise<RepairResult> {
  const { folder, stopping } = options;
  const { signal } = stopping;
  mkdirSync(folder, { recursive: true });
  await using nodes = await ClusterNodes.start({
    folder,
    profiles: undefined,
    signal,
    onLost: (why) => stopping.abort(why),
  });
  await using client = createClient({ nodes: nodes.urls, consistency: 'QUORUM' });
  const value = Buffer.alloc(VALUE_BYTES, 'mendlog ');
  const keys = Array.from({ length: KEYS }, (_, i) => ({
    partition: client.partition(`bench-${i % options.partitions}`, { codec: bytesCodec }),
    key: `key-${i}`,
  }));
  let filled = 0;
  const fill = async () => {
    for (let next = keys[filled++]; next !== undefined; next = keys[filled++])
      await next.partition.put(next.key, value, { consistency: 'ALL' });
  };
  await Promise.all(Array.from({ length: FILL_OUTSTANDING }, fill));
  using stale = new StaleReplicas({ urls: nodes.urlOf, value });
  await stale.open();

  const plain = new LatencyHistogram();
  const repairing = new LatencyHistogram();
  const get = async (at: number, latencies: LatencyHistogram) => {
    const { partition, key } = keyAt(keys, at);
    const startedMs = performance.now();
    await partition.get(key);
    latencies.record(performance.now() - startedMs);
  };
  const startedMs = performance.now();
  const warmMs = startedMs + options.warmUpSeconds * 1000;
  const endMs = warmMs + options.seconds * 1000;
  let repairsBefore = await readRepairs(nodes.urls, signal);
  for (let i = 0, isWarm = false; performance.now() < endMs; i += 2) {
    signal.throwIfAborted();
    if (!isWarm && performance.now() >= warmMs) {
      isWarm = true;
      plain.clear();
      repairing.clear();
      repairsBefore = await readRepairs(nodes.urls, signal);
    }
    await get(i, plain);
    const { partition, key } = keyAt(keys, i + 1);
    await stale.leaveOneBehind(partition.name, key);
    await get(i + 1, repairing);
  }
  const repairs = (await readRepairs(nodes.urls, signal)) - repairsBefore;
  if (repairs < repairing.count * REPAIRED_SHARE_MIN)
    throw new MendlogError('INTERNAL', `${repairing.count} gets were to repair, and ${repairs} did`);
  return { plain: latenciesOf(plain), repairing: latenciesOf(repairing) };
}

/** A get whose replicas are slow asks the third one too, and is answered by two that have the record. */
const REPAIRED_SHARE_MIN = 0.98;

function keyAt<Item>(items: readonly Item[], at: number): Item {
  const item = items[at % items.length];
  if (item === undefined) throw new TypeError('there is no key');
  return item;
}

function latenciesOf(latencies: LatencyHistogram): RepairLatencies {
  return {
    count: latencies.count,
    p50: latencies.quantileMs(0.5),
    p99: latencies.quantileMs(0.99),
    p999: latencies.quantileMs(0.999),
  };
}
