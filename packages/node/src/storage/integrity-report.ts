/** What a check of a store has found. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { IntegrityFinding, IntegrityStep } from './integrity-finding.js';

export interface IntegrityReport {
  /** Nothing was found. */
  readonly isSound: boolean;
  /** Records that the index holds, and bytes of their frames. */
  readonly records: number;
  readonly bytes: number;
  /** The first of them. */
  readonly findings: readonly IntegrityFinding[];
  /** How many there are of each kind. */
  readonly counts: Readonly<Record<IntegrityFinding['kind'], number>>;
}

/** Findings that a report lists. */
const FINDINGS_MAX = 1000;

/** Runs the steps, others having their turn between them. Rejects with the signal's reason. */
export async function reportOf(
  steps: Iterable<IntegrityStep>,
  { signal, onProgress }: { signal?: AbortSignal; onProgress?: (records: number) => void },
): Promise<IntegrityReport> {
  let records = 0;
  let bytes = 0;
  const findings: IntegrityFinding[] = [];
  const counts = { record: 0, entry: 0, index: 0 };
  for (const step of steps) {
    records += step.records;
    bytes += step.bytes;
    for (const finding of step.findings) {
      counts[finding.kind]++;
      if (findings.length < FINDINGS_MAX) findings.push(finding);
    }
    onProgress?.(records);
    await nextTurn();
    signal?.throwIfAborted();
  }
  const isSound = counts.record + counts.entry + counts.index === 0;
  return { isSound, records, bytes, findings, counts };
}
