/** A partition as lines of JSON: what any program can read, and importPartition() reads again. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { MendlogError, type Store } from '@mendlog/core';
import { endLine, headerLine, recordLine } from './partition-lines.js';
import { recordPages } from './record-pages.js';

export interface ExportOptions {
  readonly onProgress?: ((records: number) => void) | undefined;
}

/**
 * Chunks of whole lines; partition-lines.ts shows them. A partition that is written to meanwhile is read page by
 * page, not as it is at one moment.
 *
 * Throws NOT_FOUND, and MALFORMED in place of the last line where records cannot be read because the disk has
 * changed them: all others are there then.
 */
export async function* exportPartition(
  store: Store,
  partition: string,
  { onProgress }: ExportOptions = {},
): AsyncGenerator<string> {
  const summary = store.summary(partition);
  if (summary === undefined) throw new MendlogError('NOT_FOUND', `there is no partition ${partition}`);
  yield headerLine(summary);
  let records = 0;
  let damaged = 0;
  for (const page of recordPages(store, partition)) {
    records += page.frames.length;
    damaged += page.damaged;
    if (page.frames.length > 0) yield page.frames.map(recordLine).join('');
    onProgress?.(records);
    await nextTurn();
  }
  if (damaged > 0) throw unreadable(partition, { damaged, records });
  yield endLine(records);
}

function unreadable(partition: string, counts: { damaged: number; records: number }): MendlogError {
  const { damaged, records } = counts;
  const of = `${damaged} of ${damaged + records} records of ${partition}`;
  return new MendlogError(
    'MALFORMED',
    `${of} do not match their digests: the disk has changed them; let another replica mend them first`,
    { details: { damaged, records } },
  );
}
