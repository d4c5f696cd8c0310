/** Lines of a history as text, without the line feed: the fields in the order in which docs/history.md lists them. */
import { formatVersion } from '@mendlog/core';
import type { HistoryLine } from './history-line.js';

export function encodeLine(line: HistoryLine): string {
  if (line.op === 'final') {
    const { op, partition, records } = line;
    const pairs = records.map(({ version, value }) => [formatVersion(version), value]);
    return JSON.stringify({ op, partition, records: pairs });
  }
  const { client, op, partition, key, value, start, end, outcome } = line;
  const version = line.version === null ? null : formatVersion(line.version);
  return JSON.stringify({ client, op, partition, key, value, version, start, end, outcome });
}
