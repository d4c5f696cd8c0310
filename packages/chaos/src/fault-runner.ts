/** Carries out a schedule: each fault begins and ends at its time, and is counted and told. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Cluster } from './cluster.js';
import { describeFault, type Fault, type FaultKind } from './fault.js';

export interface FaultRun {
  readonly cluster: Cluster;
  readonly faults: readonly Fault[];
  readonly lengthMs: number;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

/** How often each kind has begun. Resolves when the time is up; rejects when the signal aborts. */
export async function runFaults(run: FaultRun): Promise<Map<FaultKind, number>> {
  const { cluster, faults, lengthMs, signal, say } = run;
  const counts = new Map<FaultKind, number>();
  const startedMs = performance.now();
  const until = async (atMs: number) => {
    await delay(Math.max(0, atMs - (performance.now() - startedMs)), undefined, { signal });
  };
  for (const { atMs, fault, begins } of eventsOf(faults)) {
    await until(atMs);
    if (begins) {
      say(`${(atMs / 1000).toFixed(1).padStart(6)} s  ${describeFault(fault)}`);
      await cluster.begin(fault);
      counts.set(fault.kind, (counts.get(fault.kind) ?? 0) + 1);
    } else await cluster.end(fault);
  }
  await until(lengthMs);
  return counts;
}

function eventsOf(faults: readonly Fault[]) {
  return faults
    .flatMap((fault) => [
      { atMs: fault.atMs, fault, begins: true },
      { atMs: fault.atMs + fault.forMs, fault, begins: false },
    ])
    .sort((a, b) => a.atMs - b.atMs || Number(a.begins) - Number(b.begins));
}
