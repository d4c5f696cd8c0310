/**
 * Versions against real time: what every check of an order of versions has in common.
 *
 * Of all operations that ended before one started, only the highest version matters. So one pass suffices, over
 * the one kind by its ends and over the other by its starts.
 */
import { compareVersions, type Version } from '@mendlog/core';
import type { History } from '../history/history.js';
import type { Operation } from '../history/history-line.js';
import { describeOperation, type ReportBuilder } from './check-report.js';

export interface Versioned {
  readonly operation: Operation;
  readonly version: Version;
}

interface Inversion {
  readonly earlier: Operation;
  readonly later: Operation;
}

export interface VersionOrder {
  /** What sets the mark; only what is ok ends at a time that is known. */
  readonly earlier: readonly Versioned[];
  /** What may not be below it. */
  readonly later: readonly Versioned[];
  /** Whether the later one may have the same version: reads may, writes may not. */
  readonly equal: boolean;
}

/** Counts the later ones as checked, and reports each that is below the mark. */
export function judgeOrder(builder: ReportBuilder, order: VersionOrder): void {
  builder.checked += order.later.length;
  for (const { earlier, later } of inversionsOf(order)) {
    builder.found(() => ({
      partition: later.partition,
      key: later.key,
      message: `${describeOperation(later)}, although ${describeOperation(earlier)}`,
      operations: [earlier, later],
    }));
  }
}

/** Each of the later ones that started after the end of an earlier one with a version that is too high for it. */
function* inversionsOf({ earlier, later, equal }: VersionOrder): Generator<Inversion> {
  const ended = earlier
    .flatMap(({ operation, version }) =>
      operation.outcome === 'ok' && operation.end !== null
        ? [{ operation, version, end: operation.end }]
        : [],
    )
    .sort((a, b) => a.end - b.end);
  let next = 0;
  let highest: Versioned | undefined;
  for (const { operation, version } of [...later].sort((a, b) => a.operation.start - b.operation.start)) {
    for (let one = ended[next]; one !== undefined && one.end < operation.start; one = ended[next]) {
      if (highest === undefined || compareVersions(one.version, highest.version) > 0) highest = one;
      next += 1;
    }
    if (highest === undefined) continue;
    const order = compareVersions(highest.version, version);
    if (order > 0 || (order === 0 && !equal)) yield { earlier: highest.operation, later: operation };
  }
}

/** Those of the operations that were told a version. */
export function versionedOf(operations: readonly Operation[]): Versioned[] {
  return operations.flatMap((operation) =>
    operation.version === null ? [] : [{ operation, version: operation.version }],
  );
}

/** Acknowledged appends, and those of unknown outcome that a final read found: they have a version, and no end. */
export function appendsWithVersions(history: History): Versioned[] {
  const found = new Map<string, Version>();
  for (const { records } of history.finals.values()) {
    for (const { version, value } of records) found.set(value, version);
  }
  return history.operations.flatMap((operation) => {
    if (operation.op !== 'append' || operation.outcome === 'fail') return [];
    const version = operation.version ?? found.get(operation.value ?? '');
    return version === undefined ? [] : [{ operation, version }];
  });
}
