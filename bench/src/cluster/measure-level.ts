/** One level of load on a cluster of its own: what a number of outstanding calls gets, and what it costs. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { bytesCodec, createClient } from '@mendlog/client';
import { ClientProfile } from './client-profile.js';
import { ClosedLoop } from './closed-loop.js';
import { ClusterNodes } from './cluster-nodes.js';
import { type Gauges, gaugesBehind } from './gauges.js';
import { type LoopContext, type LoopResult, measureLoop } from './measure-loop.js';
import type { Call, Mode } from './modes.js';
import { OpenLoop } from './open-loop.js';
import type { Rate } from './options.js';
import type { Turn } from './turns.js';
import type { Window } from './windows.js';

export const VALUE_BYTES = 256;

export interface LevelOptions {
  readonly mode: Mode;
  readonly outstanding: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly partitions: number;
  readonly clients: number;
  readonly rate: Rate | undefined;
  readonly turn: Turn | undefined;
  /** For the nodes' data. */
  readonly folder: string;
  /** For the profiles of all processes. */
  readonly profiles: string | undefined;
  readonly onWindow: (loop: string, window: Window) => void;
  /** Ends the run from outside, or from within when a node is lost. */
  readonly stopping: AbortController;
}

interface OfferedResult extends LoopResult {
  /** What was to be offered. */
  readonly callsPerSecond: number;
  /** What this process could offer: calls that it made. */
  readonly offeredPerSecond: number;
  /** What came through of what the closed loop got: medians. */
  readonly shareOfPeak: number;
}

export interface LevelResult extends LoopResult {
  readonly outstanding: number;
  /** Of the open loop, where there was one. */
  readonly offered: OfferedResult | undefined;
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
  const clients = Array.from({ length: options.clients }, () =>
    createClient({ nodes: nodes.urls, consistency: 'QUORUM' }),
  );
  await using _clients: AsyncDisposable = {
    async [Symbol.asyncDispose]() {
      for (const client of clients) await client.close();
    },
  };
  const partitions = clients.flatMap((client) =>
    Array.from({ length: options.partitions }, (_, i) =>
      client.partition(`bench-${i}`, { codec: bytesCodec }),
    ),
  );
  const call = await options.mode.begin({ partitions, value: Buffer.alloc(VALUE_BYTES, 'mendlog ') });
  const profile = profiles === undefined ? undefined : new ClientProfile();
  await profile?.start();
  const readGauges = () => Promise.all(nodes.urls.map((url) => gaugesBehind(url, signal)));

  const closed = new ClosedLoop(call, outstanding, options.turn);
  let gaugesAfterWarmUp: readonly Gauges[] = [];
  let gaugesAtEnd: readonly Gauges[] = [];
  const context = { ...options, signal, pids: nodes.pids };
  const result = await measureLoop(closed, {
    ...context,
    name: `${outstanding} outstanding`,
    async onWarm() {
      gaugesAfterWarmUp = await readGauges();
    },
    async onEnd() {
      gaugesAtEnd = await readGauges();
    },
  });
  const offered =
    options.rate === undefined ? undefined : await measureOffered(call, options.rate, result, context);
  if (profiles !== undefined) await profile?.writeTo(join(profiles, 'client.cpuprofile'));
  return { outstanding, ...result, offered, gaugesAfterWarmUp, gaugesAtEnd };
}

async function measureOffered(
  call: Call,
  rate: Rate,
  { recordsPerSecond: { median } }: LoopResult,
  context: Omit<LoopContext, 'name'>,
): Promise<OfferedResult> {
  const callsPerSecond = 'timesPeak' in rate ? median * rate.timesPeak : rate.callsPerSecond;
  const open = new OpenLoop(call, callsPerSecond);
  const name = `${Math.round(callsPerSecond)} offered a second`;
  let offered = 0;
  const result = await measureLoop(open, {
    ...context,
    name,
    async onEnd() {
      offered = open.offered;
    },
  });
  const seconds = result.windows.reduce((sum, window) => sum + window.seconds, 0);
  const shareOfPeak = result.recordsPerSecond.median / median;
  return { ...result, callsPerSecond, offeredPerSecond: offered / seconds, shareOfPeak };
}
