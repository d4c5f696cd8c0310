/** Measures a loop of calls, closed or open: after a warm-up in windows, with the CPU that it costs. */
import { setTimeout as delay } from 'node:timers/promises';
import type { LatencyHistogram } from '@mendlog/core';
import { machineSeconds, processSeconds } from './cpu-times.js';
import { type Turn, untilWindowMs, windowsInTurns } from './turns.js';
import {
  type Reading,
  statisticsOf,
  type Window,
  type WindowStatistics,
  windowBetween,
  windowsOf,
} from './windows.js';

/** What a loop got. */
export interface LoopResult {
  readonly records: number;
  readonly recordsPerSecond: WindowStatistics;
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly p999: number };
  readonly errors: Readonly<Record<string, number>>;
  readonly windows: readonly Window[];
}

interface Loop {
  readonly latencies: LatencyHistogram;
  readonly errors: ReadonlyMap<string, number>;
  run(): Promise<void>;
  forget(): void;
  stop(): void;
}

export interface LoopContext {
  readonly name: string;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** Windows lie in this turn. */
  readonly turn: Turn | undefined;
  /** Of the nodes, by id. */
  readonly pids: Readonly<Record<string, number>>;
  readonly onWindow: (loop: string, window: Window) => void;
  readonly signal: AbortSignal;
  readonly onWarm?: () => Promise<void>;
  readonly onEnd?: () => Promise<void>;
}

/** Warm-up, then windows; the loop has ended when this resolves or rejects. */
export async function measureLoop(loop: Loop, context: LoopContext): Promise<LoopResult> {
  const { signal } = context;
  const running = loop.run();
  const windows: Window[] = [];
  const read = (): Reading => ({
    atMs: performance.now(),
    records: loop.latencies.count,
    cpuSeconds: { client: clientSeconds(), ...nodeSeconds(context.pids) },
    machineSeconds: machineSeconds(),
  });
  try {
    await delay(context.warmUpSeconds * 1000, undefined, { signal });
    await context.onWarm?.();
    loop.forget();
    const { turn } = context;
    const { count, seconds } =
      turn === undefined ? windowsOf(context.seconds) : windowsInTurns(turn, context.seconds);
    for (let before = read(); windows.length < count; ) {
      if (turn !== undefined) {
        await delay(untilWindowMs(turn, Date.now()), undefined, { signal });
        before = read();
      }
      await delay(seconds * 1000, undefined, { signal });
      const after = read();
      const window = windowBetween(before, after);
      windows.push(window);
      context.onWindow(context.name, window);
      before = after;
    }
    const { latencies } = loop;
    const result = {
      records: latencies.count,
      recordsPerSecond: statisticsOf(windows),
      latencyMs: {
        p50: latencies.quantileMs(0.5),
        p99: latencies.quantileMs(0.99),
        p999: latencies.quantileMs(0.999),
      },
      errors: Object.fromEntries(loop.errors),
      windows,
    };
    await context.onEnd?.();
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
