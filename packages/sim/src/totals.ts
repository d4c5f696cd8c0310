/** What many runs did together. */
import type { OutcomeCounts } from './clients/history-of-run.js';
import { noCounts, type RunCounts } from './node/cluster-context.js';
import { HEALINGS, type Healing } from './scenario.js';
import type { SeedResult } from './seed-threads.js';
import { FAULT_KINDS, type FaultCounts, noFaults } from './world/fault-kinds.js';

export interface Totals {
  runs: number;
  readonly healings: Record<Healing, number>;
  events: number;
  readonly counts: RunCounts;
  violations: number;
  violatedSeeds: number;
  readonly outcomes: OutcomeCounts;
  readonly scans: { ok: number; fail: number };
  readonly faults: FaultCounts;
}

const COUNT_NAMES = Object.keys(noCounts()) as (keyof RunCounts)[];

export function noTotals(): Totals {
  return {
    runs: 0,
    healings: { 'hints and sessions': 0, 'hints alone': 0, 'sessions alone': 0 },
    events: 0,
    counts: noCounts(),
    violations: 0,
    violatedSeeds: 0,
    outcomes: { ok: 0, fail: 0, unknown: 0 },
    scans: { ok: 0, fail: 0 },
    faults: noFaults(),
  };
}

export function addRun(
  totals: Totals,
  { outcomes, scans, faults, events, counts, healing, violations }: SeedResult,
): void {
  totals.runs += 1;
  totals.healings[healing] += 1;
  totals.events += events;
  for (const name of COUNT_NAMES) totals.counts[name] += counts[name];
  totals.violations += violations.length;
  totals.violatedSeeds += violations.length > 0 ? 1 : 0;
  for (const outcome of ['ok', 'fail', 'unknown'] as const) totals.outcomes[outcome] += outcomes[outcome];
  totals.scans.ok += scans.ok;
  totals.scans.fail += scans.fail;
  for (const kind of FAULT_KINDS) totals.faults[kind] += faults[kind];
}

export function describeTotals({
  runs,
  healings,
  events,
  counts,
  outcomes,
  scans,
  faults,
  violations,
  violatedSeeds,
}: Totals): string {
  const { ok, fail, unknown } = outcomes;
  const happened = FAULT_KINDS.map((kind) => `${kind} ${faults[kind]}`).join(', ');
  const healed = HEALINGS.map((healing) => `${healing} ${healings[healing]}`).join(', ');
  return (
    `${runs} runs (healed by ${healed}), ${events} events, ${counts.purges} purges, ` +
    `${counts.symbolMessages} messages of symbols, ` +
    `${counts.proposals} proposals (${counts.proposalsRefused} refused, ${counts.inDoubt} commits in doubt), ` +
    `${ok + fail + unknown} operations: ${ok} acknowledged, ${unknown} unknown, ${fail} failed; ` +
    `${scans.ok + scans.fail} scans (${scans.fail} failed); ` +
    `faults: ${happened}; ${violations} violations in ${violatedSeeds} runs`
  );
}
