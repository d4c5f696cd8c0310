/**
 * The checks of appends.
 *
 *   I9   exactly-once append  every acknowledged append is in the final read once, at the version of its
 *                             acknowledgement; one of unknown outcome is there at most once, one that failed never,
 *                             and nothing is there that nobody appended
 *   I10  session order        the appends of one client to a partition, awaited one after another, have ascending
 *                             versions, one of unknown outcome that was found included; and the final read has
 *                             them in the order of their versions
 *
 * That appends of different clients, and puts among them, are ordered in real time is a check of versions.ts.
 */
import { compareVersions, formatVersion, type Version } from '@mendlog/core';
import type { History } from '../history/history.js';
import type { FinalRead, Operation } from '../history/history-line.js';
import { type CheckReport, describeOperation, describeValue, ReportBuilder } from './check-report.js';
import { groupsOf } from './groups.js';
import { appendsWithVersions, judgeOrder } from './version-order.js';

/** I9. Appends to a partition without a final line are left unchecked. */
export function checkExactlyOnce(history: History): CheckReport {
  const builder = new ReportBuilder('I9', 'exactly-once append');
  const appends = history.operations.filter(({ op }) => op === 'append');
  const judged = appends.filter(({ partition }) => history.finals.has(partition));
  builder.checked = judged.length;
  builder.unchecked = appends.length - judged.length;
  const byPartition = new Map(
    groupsOf(judged, ({ partition }) => partition).map((group) => [group[0]?.partition ?? '', group]),
  );
  for (const final of history.finals.values()) {
    judgeFinal(builder, final, byPartition.get(final.partition) ?? []);
  }
  return builder.report();
}

function judgeFinal(builder: ReportBuilder, final: FinalRead, appends: readonly Operation[]): void {
  const { partition } = final;
  const versionsOf = new Map<string, Version[]>();
  for (const { version, value } of final.records) {
    const versions = versionsOf.get(value);
    if (versions === undefined) versionsOf.set(value, [version]);
    else versions.push(version);
  }
  for (const append of appends) {
    const versions = versionsOf.get(append.value ?? '') ?? [];
    versionsOf.delete(append.value ?? '');
    const wrong = wrongOf(append, versions);
    if (wrong === undefined) continue;
    const message = `${wrong}: ${describeOperation(append)}`;
    builder.found(() => ({ partition, key: null, message, operations: [append] }));
  }
  for (const [value, versions] of versionsOf) {
    const message = `${describeValue(value)}, at ${listed(versions)}, was appended by nobody`;
    builder.found(() => ({ partition, key: null, message, operations: [] }));
  }
}

function wrongOf({ outcome, version }: Operation, found: readonly Version[]): string | undefined {
  if (found.length > 1) return `an append is there ${found.length} times, at ${listed(found)}`;
  const [only] = found;
  if (outcome === 'fail') return only && `an append that failed is there, at ${listed(found)}`;
  if (outcome === 'unknown' || version === null) return undefined;
  if (only === undefined) return 'an acknowledged append is lost';
  if (compareVersions(only, version) !== 0) return `an acknowledged append is at ${listed(found)}`;
  return undefined;
}

const VERSIONS_SHOWN_MAX = 5;

function listed(versions: readonly Version[]): string {
  const shown = versions.slice(0, VERSIONS_SHOWN_MAX).map(formatVersion).join(', ');
  return versions.length > VERSIONS_SHOWN_MAX ? `${shown}, …` : shown;
}

/** I10. */
export function checkSessionOrder(history: History): CheckReport {
  const builder = new ReportBuilder('I10', 'session order');
  const sessions = groupsOf(
    appendsWithVersions(history),
    ({ operation }) => `${operation.partition}/${operation.client}`,
  );
  for (const appends of sessions) judgeOrder(builder, { earlier: appends, later: appends, equal: false });
  for (const { partition, records } of history.finals.values()) {
    for (const [index, { version }] of records.entries()) {
      const before = records[index - 1];
      // Two records with one version are for I6 and I9 to judge.
      if (before === undefined || compareVersions(before.version, version) <= 0) continue;
      const message = `the final read has ${formatVersion(before.version)} before ${formatVersion(version)}`;
      builder.found(() => ({ partition, key: null, message, operations: [] }));
    }
  }
  return builder.report();
}
