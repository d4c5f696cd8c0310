/**
 * Walks the keys of LMDB's tables and compares their number with what LMDB says. Where pages of a file are
 * gone, keys are missing without an error, or LMDB throws one; values are not looked at.
 */
import type { Database } from 'lmdb';

export function checkCounts(tables: readonly Pick<Database, 'getKeys' | 'getStats'>[]): void {
  for (const table of tables) {
    const { entryCount } = table.getStats() as { entryCount: number };
    let found = 0;
    for (const _ of table.getKeys()) found++;
    if (found !== entryCount) throw new Error(`a table holds ${found} keys, and ${entryCount} were written`);
  }
}
