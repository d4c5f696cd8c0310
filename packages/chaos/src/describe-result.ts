/** A result as lines of text: each verdict, then everything in one line at the end. */
import { describeReport } from '@mendlog/sim';
import { FAULT_KINDS } from './fault.js';
import type { ChaosResult } from './run-chaos.js';

const FAILURES_SHOWN_MAX = 20;

export function violationsOf({ reports, failures }: ChaosResult): number {
  return reports.reduce((sum, { violationCount }) => sum + violationCount, failures.length);
}

export function describeResult(result: ChaosResult): string[] {
  const { failures, reports, tally } = result;
  const codes = [...tally.codes].sort(([, a], [, b]) => b - a).map(([code, count]) => `${code} ${count}`);
  return [
    ...(codes.length === 0 ? [] : [`calls that failed: ${codes.join(', ')}`]),
    ...reports.flatMap(describeReport),
    failures.length === 0
      ? 'ok    I2   all nodes healed and hold the same, and no call ended as it never may'
      : `FAIL  I2   healing, nodes and calls: ${failures.length} failures`,
    ...failures.slice(0, FAILURES_SHOWN_MAX).map((why) => `      ${why}`),
    summaryOf(result),
  ];
}

/** The last line: everything counted. */
function summaryOf(result: ChaosResult): string {
  const { history, faults, tally } = result;
  const count = (outcome: string) =>
    history.operations.filter((operation) => operation.outcome === outcome).length;
  const kinds = FAULT_KINDS.map((kind) => `${kind} ${faults.get(kind) ?? 0}`).join(', ');
  return (
    `${history.operations.length} operations (${count('ok')} ok, ${count('fail')} fail, ${count('unknown')} unknown); ` +
    `${tally.scans} scans (${tally.failedScans} failed); faults: ${kinds}; ${violationsOf(result)} violations`
  );
}
