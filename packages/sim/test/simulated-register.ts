/**
 * Histories of registers and a log that are correct by construction: every operation has one instant between its
 * start and its end, and all take effect in the order of these.
 */

import type { Seeded } from '@mendlog/core/conformance';
import type { FinalRead, HistoryLine, Operation, OperationKind } from '../src/history/history-line.js';
import { versionAt } from './made-operations.js';

export interface SimulatedOptions {
  readonly operations: number;
  readonly clients: number;
  readonly keys: number;
  /** In a hundred writes. */
  readonly unknownPercent: number;
  readonly appendPercent: number;
  readonly deletePercent: number;
}

interface Planned extends Operation {
  /** When it takes effect; Infinity for never. */
  readonly instant: number;
}

const PARTITION = 'p1';
const DURATION_MAX = 1000;
/** How long after its end a write of unknown outcome may yet take effect. */
const LATE_MAX = 20_000;

export function simulatedHistory(random: Seeded, options: SimulatedOptions): HistoryLine[] {
  const clocks = Array.from({ length: options.clients }, () => random.below(DURATION_MAX));
  const planned = Array.from({ length: options.operations }, (_, index) => {
    const client = index % options.clients;
    const operation = plan(random, options, { client, index, at: clocks[client] ?? 0 });
    // A client goes on after its operation; one whose outcome never comes gives up on it.
    clocks[client] = (operation.end ?? operation.start + DURATION_MAX) + 1 + random.below(50);
    return operation;
  });
  return performed(planned);
}

function plan(
  random: Seeded,
  options: SimulatedOptions,
  { client, index, at }: { client: number; index: number; at: number },
): Planned {
  const op = kindOf(random, options);
  const end = at + 2 + random.below(DURATION_MAX);
  const unknown = op !== 'get' && random.percent(options.unknownPercent);
  const inTime = at + 1 + random.below(end - at - 1);
  const late = random.percent(50) ? at + 1 + random.below(LATE_MAX) : Number.POSITIVE_INFINITY;
  return {
    client,
    op,
    partition: PARTITION,
    key: op === 'append' ? null : `k${random.below(options.keys)}`,
    value: op === 'put' || op === 'append' ? `v${index}` : null,
    version: null,
    start: at,
    end: unknown && random.percent(50) ? null : end,
    outcome: unknown ? 'unknown' : 'ok',
    instant: unknown ? late : inTime,
  };
}

function kindOf(random: Seeded, { appendPercent, deletePercent }: SimulatedOptions): OperationKind {
  if (random.percent(appendPercent)) return 'append';
  if (random.percent(deletePercent)) return 'delete';
  return random.percent(50) ? 'put' : 'get';
}

function performed(planned: readonly Planned[]): HistoryLine[] {
  const registers = new Map<string | null, Pick<Operation, 'value' | 'version'>>();
  const records: FinalRead['records'][number][] = [];
  const done = new Map<Planned, Operation>();
  let counter = 0;
  for (const one of [...planned].sort((a, b) => a.instant - b.instant)) {
    const { instant, ...operation } = one;
    const version = one.op === 'get' || instant === Number.POSITIVE_INFINITY ? null : versionAt(++counter);
    if (one.op === 'get') {
      const { value, version } = registers.get(one.key) ?? { value: null, version: null };
      done.set(one, { ...operation, value, version });
      continue;
    }
    done.set(one, { ...operation, version: one.outcome === 'ok' ? version : null });
    if (version === null) continue;
    if (one.op === 'append') records.push({ version, value: one.value ?? '' });
    else registers.set(one.key, { value: one.value, version });
  }
  const operations = planned.flatMap((one) => done.get(one) ?? []);
  return records.length === 0 ? operations : [...operations, { op: 'final', partition: PARTITION, records }];
}
