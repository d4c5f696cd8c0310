/**
 * Compares two runs of the cluster benchmark that took turns, by what each wrote with `--json`: docs/performance.md.
 * `node bench/dist/compare-turns.js FIRST.json SECOND.json`
 */
import { readFileSync } from 'node:fs';
import { toMendlogError } from '@mendlog/core';
import type { LevelResult } from './cluster/measure-level.js';
import { ratioOf } from './cluster/ratio.js';
import type { Window } from './cluster/windows.js';

const MEASURES: Readonly<Record<string, (window: Window) => number>> = {
  'records/s': ({ recordsPerSecond }) => recordsPerSecond,
  'nodes, CPU a record': ({ cpu: { client: _, ...nodes }, recordsPerSecond }) =>
    Object.values(nodes).reduce((sum, used) => sum + used, 0) / recordsPerSecond,
  'client, CPU a record': ({ cpu, recordsPerSecond }) => (cpu.client ?? 0) / recordsPerSecond,
};

const [first, second, ...rest] = process.argv.slice(2);
try {
  if (first === undefined || second === undefined || rest.length > 0)
    throw new Error('usage: node bench/dist/compare-turns.js FIRST.json SECOND.json');
  compare(levelOf(first), levelOf(second));
} catch (thrown) {
  console.error(`compare-turns: ${toMendlogError(thrown).message}`);
  process.exitCode = 1;
}

function compare(before: LevelResult, after: LevelResult): void {
  const rows = Object.entries(MEASURES).map(([what, of]) => {
    const { more, standardError, pairs } = ratioOf(before.windows.map(of), after.windows.map(of));
    return { what, 'second is more by': percent(more), 'standard error': percent(standardError), pairs };
  });
  console.table(rows);
  const latencies = [before, after].map(({ latencyMs: { p50, p99 } }, i) => ({
    run: i === 0 ? 'first' : 'second',
    'p50 ms': p50.toFixed(2),
    'p99 ms': p99.toFixed(1),
  }));
  console.table(latencies);
}

function levelOf(file: string): LevelResult {
  const { levels } = JSON.parse(readFileSync(file, 'utf8')) as { levels?: readonly LevelResult[] };
  const [level, other] = levels ?? [];
  if (level === undefined || other !== undefined) throw new Error(`${file} is not of a run of one level`);
  return level;
}

function percent(share: number): string {
  return Number.isNaN(share) ? '-' : `${(100 * share).toFixed(1)} %`;
}
