/**
 * The checks that versions allow, each in one pass. Where the values of a key already contradict each other these
 * say more plainly what went wrong, and they find what values do not show. An operation that was told no version is
 * not judged.
 *
 *   I6  unique versions     no version has two different records in a partition
 *   I4  monotonic reads     once a get of a key has returned a version, none that starts later returns an older one
 *   I3  reads after writes  a get that starts after a write of its key was acknowledged returns no older version
 *   I3  order of writes     a write that starts after another one of the partition was acknowledged, whatever the
 *                           keys, appends included, has the higher version
 */
import { formatVersion, type Version } from '@mendlog/core';
import type { History } from '../history/history.js';
import type { Operation } from '../history/history-line.js';
import { type CheckReport, describeValue, ReportBuilder } from './check-report.js';
import { groupsOf, keyName } from './groups.js';
import { appendsWithVersions, judgeOrder, versionedOf } from './version-order.js';

interface Told {
  readonly partition: string;
  readonly version: Version;
  readonly key: string | null;
  /** Null for a tombstone. */
  readonly value: string | null;
  /** None where a final read tells of it. */
  readonly operation?: Operation;
}

/** I6, of the records that acknowledgements, gets and final reads tell of. */
export function checkUniqueVersions(history: History): CheckReport {
  const builder = new ReportBuilder('I6', 'unique versions');
  const seen = new Map<string, Told>();
  for (const told of recordsToldOf(history)) {
    const { partition, version, key, value } = told;
    const name = `${partition}/${formatVersion(version)}`;
    const other = seen.get(name);
    builder.checked += 1;
    if (other === undefined) seen.set(name, told);
    else if (other.key !== key || other.value !== value) {
      builder.found(() => ({
        partition,
        key: null,
        message: `${formatVersion(version)} is the version of ${describeRecord(other)} and of ${describeRecord(told)}`,
        operations: [other.operation, told.operation].filter((operation) => operation !== undefined),
      }));
    }
  }
  builder.unchecked = withoutVersion(history.operations);
  return builder.report();
}

function* recordsToldOf({ operations, finals }: History): Generator<Told> {
  for (const { operation, version } of versionedOf(operations)) {
    const { partition, key, value } = operation;
    yield { partition, version, key, value, operation };
  }
  for (const { partition, records } of finals.values()) {
    for (const { version, value } of records) yield { partition, version, key: null, value };
  }
}

function describeRecord({ key, value }: Told): string {
  if (key === null) return `the appended ${describeValue(value)}`;
  return value === null
    ? `the deleted ${describeValue(key)}`
    : `${describeValue(key)} = ${describeValue(value)}`;
}

/** I4. */
export function checkMonotonicReads(history: History): CheckReport {
  const gets = history.operations.filter(({ op, outcome }) => op === 'get' && outcome === 'ok');
  const builder = new ReportBuilder('I4', 'monotonic reads');
  for (const operations of groupsOf(gets, keyName)) {
    const versioned = versionedOf(operations);
    judgeOrder(builder, { earlier: versioned, later: versioned, equal: true });
  }
  builder.unchecked = withoutVersion(gets);
  return builder.report();
}

/** I3, the part that R + W > N alone gives. */
export function checkReadsAfterWrites(history: History): CheckReport {
  const keyed = history.operations.filter(({ op, outcome }) => op !== 'append' && outcome === 'ok');
  const builder = new ReportBuilder('I3', 'reads after acknowledged writes');
  for (const operations of groupsOf(keyed, keyName)) {
    judgeOrder(builder, {
      earlier: versionedOf(operations.filter(({ op }) => op !== 'get')),
      later: versionedOf(operations.filter(({ op }) => op === 'get')),
      equal: true,
    });
  }
  builder.unchecked = withoutVersion(keyed);
  return builder.report();
}

/** I3, the order of writes in real time: of puts, deletes and appends of all clients in a partition. */
export function checkWriteOrder(history: History): CheckReport {
  const builder = new ReportBuilder('I3', 'order of writes in real time');
  const keyed = history.operations.filter(({ op }) => op === 'put' || op === 'delete');
  const versioned = [...versionedOf(keyed), ...appendsWithVersions(history)];
  for (const writes of groupsOf(versioned, ({ operation }) => operation.partition)) {
    judgeOrder(builder, { earlier: writes, later: writes, equal: false });
  }
  builder.unchecked = withoutVersion(keyed);
  return builder.report();
}

function withoutVersion(operations: readonly Operation[]): number {
  return operations.filter(({ outcome, version }) => outcome === 'ok' && version === null).length;
}
