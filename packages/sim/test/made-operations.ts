/**
 * Histories in shorthand, one operation of key k a line, each of a client of its own unless said otherwise:
 *
 *   put a 0..10       acknowledged                put? a 0..10     of unknown outcome, told at 10
 *   put! a 0..10      failed                      put? a 0..       of unknown outcome, never told
 *   get a 0..10       returned a                  get - 0..10      returned absent
 *   delete 0..10                                  append a 0..10 @7 #3   at version 7, by client 3
 */
import { type Version, versionAfter } from '@mendlog/core';
import { type History, historyOf } from '../src/history/history.js';
import type { FinalRead, HistoryLine, Operation, OperationKind } from '../src/history/history-line.js';

const SHORTHAND =
  /^(put|get|delete|append)([?!]?)(?: (\S+))? (\d+)\.\.(\d*)(?: @(\d+))?(?: #(\d+))?(?: in (\S+))?$/;
const OUTCOMES = { '': 'ok', '?': 'unknown', '!': 'fail' } as const;
const KINDS: readonly OperationKind[] = ['put', 'get', 'delete', 'append'];

export function versionAt(counter: number): Version {
  return { counter, origin: '0000000000001' };
}

/** A version with the same counter, of another origin. */
export function twinOf(version: Version): Version {
  const twin = versionAfter(version);
  if (twin === undefined) throw new TypeError('there is none above the highest');
  return twin;
}

export function operationOf(text: string, index = 0): Operation {
  const match = SHORTHAND.exec(text);
  const op = KINDS.find((kind) => kind === match?.[1]);
  if (match === null || op === undefined) throw new TypeError(`not an operation: ${text}`);
  const [, , mark, value, start, end, counter, client, key] = match;
  const outcome = mark === '?' || mark === '!' ? OUTCOMES[mark] : 'ok';
  return {
    client: client === undefined ? index + 100 : Number(client),
    op,
    partition: 'p1',
    key: op === 'append' ? null : (key ?? 'k'),
    value: value === undefined || value === '-' ? null : value,
    version: counter === undefined ? null : versionAt(Number(counter)),
    start: Number(start),
    end: end === '' ? null : Number(end),
    outcome,
  };
}

export function madeHistory(...lines: readonly (string | HistoryLine)[]): History {
  return historyOf(lines.map((line, index) => (typeof line === 'string' ? operationOf(line, index) : line)));
}

/** A final line of `a@1` and the like. */
export function finalOf(...records: readonly string[]): FinalRead {
  return {
    op: 'final',
    partition: 'p1',
    records: records.map((record) => {
      const [value = '', counter] = record.split('@');
      return { value, version: versionAt(Number(counter)) };
    }),
  };
}
