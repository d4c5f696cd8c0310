/** The figures of the cluster benchmark as lines and tables. */
import type { BareDisk } from './bare-disk.js';
import type { Gauges } from './gauges.js';
import { type LevelResult, VALUE_BYTES } from './measure-level.js';
import type { RepairResult } from './measure-repair.js';
import type { Window } from './windows.js';

export function bareDiskLine(when: string, disk: BareDisk): string {
  const records = (disk.syncsPerSecond * disk.blobBytes) / VALUE_BYTES;
  return `bare disk ${when}, ${disk.blobBytes} bytes a sync: ${rounded(disk.syncsPerSecond)} syncs/s, as many bytes as ${rounded(records)} records/s`;
}

export function windowLine(loop: string, window: Window): string {
  const cpu = Object.entries(window.cpu).map(([name, used]) => `${name} ${used.toFixed(2)}`);
  const flag = window.isDisturbed ? '  DISTURBED' : '';
  return `${loop}, ${window.seconds.toFixed(1)} s: ${rounded(window.recordsPerSecond)} records/s; CPU ${cpu.join(', ')}, others ${window.others.toFixed(2)}${flag}`;
}

/** One row a level, for console.table. */
export function levelRows(levels: readonly LevelResult[]): Record<string, string | number>[] {
  return levels.map(({ outstanding, recordsPerSecond: rate, latencyMs, errors, windows }) => ({
    outstanding,
    'records/s': rounded(rate.median),
    'lowest-highest': `${rounded(rate.lowest)}-${rounded(rate.highest)}`,
    undisturbed: rate.undisturbedMedian === undefined ? '-' : rounded(rate.undisturbedMedian),
    'p50 ms': milliseconds(latencyMs.p50),
    'p99 ms': milliseconds(latencyMs.p99),
    'p99.9 ms': milliseconds(latencyMs.p999),
    errors: inWords(errors),
    'disturbed windows': `${rate.disturbed} of ${windows.length}`,
  }));
}

/** Milliseconds of gets, plain ones and those that repaired a replica. */
export function repairRows({ plain, repairing }: RepairResult): Record<string, string | number>[] {
  return Object.entries({ plain, repairing }).map(([get, { count, p50, p99, p999 }]) => ({
    get,
    count,
    'p50 ms': milliseconds(p50),
    'p99 ms': milliseconds(p99),
    'p99.9 ms': milliseconds(p999),
  }));
}

/** What came through of more than was asked by the closed loop, one row a level that had an open one. */
export function offeredRows(levels: readonly LevelResult[]): Record<string, string | number>[] {
  return levels.flatMap(({ outstanding, recordsPerSecond: peak, offered }) => {
    if (offered === undefined) return [];
    const { recordsPerSecond: rate, latencyMs, errors, windows } = offered;
    return {
      outstanding,
      peak: rounded(peak.median),
      'offered/s': rounded(offered.offeredPerSecond),
      'records/s': rounded(rate.median),
      'lowest-highest': `${rounded(rate.lowest)}-${rounded(rate.highest)}`,
      'share of peak': offered.shareOfPeak.toFixed(2),
      'p50 ms': milliseconds(latencyMs.p50),
      'p99 ms': milliseconds(latencyMs.p99),
      errors: inWords(errors),
      'disturbed windows': `${rate.disturbed} of ${windows.length}`,
    };
  });
}

/** Seconds of CPU a second, one row a level. */
export function cpuRows(levels: readonly LevelResult[]): Record<string, string | number>[] {
  return levels.map(({ outstanding, recordsPerSecond: { cpu, others } }) => ({
    outstanding,
    ...Object.fromEntries(Object.entries(cpu).map(([name, used]) => [name, used.toFixed(2)])),
    others: others.toFixed(2),
  }));
}

/** How far the nodes' background work is behind, one row a level and gauge: each node, then each at the end. */
export function gaugeRows(levels: readonly LevelResult[]): Record<string, string | number>[] {
  return levels.flatMap(({ outstanding, gaugesAfterWarmUp, gaugesAtEnd }) =>
    Object.keys(gaugesAtEnd[0] ?? {}).map((gauge) => ({
      outstanding,
      gauge,
      'after warm-up': ofNodes(gaugesAfterWarmUp, gauge),
      'at the end': ofNodes(gaugesAtEnd, gauge),
    })),
  );
}

function ofNodes(nodes: readonly Gauges[], gauge: string): string {
  return nodes.map((gauges) => gauges[gauge] ?? '-').join(', ');
}

function inWords(errors: Readonly<Record<string, number>>): string {
  const told = Object.entries(errors).map(([code, count]) => `${code} ${count}`);
  return told.length === 0 ? 'none' : told.join(', ');
}

function rounded(rate: number): string {
  return Math.round(rate).toLocaleString('en-US');
}

/** Two significant digits: what the histogram knows. */
function milliseconds(latencyMs: number): string {
  return String(Number(latencyMs.toPrecision(2)));
}
