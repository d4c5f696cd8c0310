// The shares of entries are written with the end of a step, which many slices make: wherever a step is cut short, retried or
// found by a restart, they are those of an index that is made anew.
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { open } from 'lmdb';
import { expect, test } from 'vitest';
import { fillDiskWhere } from './full-disk.js';
import { frame, frameOf, groupOf } from './records.js';
import { TestStore } from './test-store.js';

/** More than one slice takes. */
const PARTITIONS = Array.from({ length: 700 }, (_, i) => `p${i}`);

const disk = { indexCommits: 0, failsAt: Number.POSITIVE_INFINITY };
fillDiskWhere((folder) => folder.includes('index') && disk.indexCommits++ === disk.failsAt);

/** A record of each partition: in some of them it takes the place of those before. */
function groups(round: number) {
  return PARTITIONS.map((partition, i) => {
    const isPut = i % (round + 1) === 0;
    const value = 'v'.repeat(20 + (i % 7));
    return groupOf(partition, [isPut ? frameOf(round, value, { key: 'k' }) : frame(round, value)]);
  });
}

async function indexOf(dataDir: string): Promise<Record<string, readonly string[]>> {
  const folder = join(dataDir, 'index');
  const environment = open({ path: join(folder, String(readdirSync(folder)[0])), maxDbs: 8, readOnly: true });
  const tables: Record<string, readonly string[]> = {};
  for (const name of ['blocks', 'rows', 'keys', 'appends', 'live', 'outworn']) {
    const table = environment.openDB<Buffer, Buffer>({ name, keyEncoding: 'binary', encoding: 'binary' });
    tables[name] = [...table.getRange()].map(
      ({ key, value }) => `${key.toString('hex')} ${value.toString('hex')}`,
    );
  }
  await environment.close();
  return tables;
}

test.each([
  ['retried', 0],
  ['retried', 1],
  ['retried', 2],
  ['retried', 3],
  ['found by a restart', 1],
  ['found by a restart', 2],
  ['found by a restart', 3],
])(
  'index: a step that was cut short leaves the shares of its entries as they are (%s, commits before=%i)',
  async (how, commits) => {
    await using test = new TestStore();
    await test.store.apply(groups(1), []);
    await test.store.cleaned();
    await test.store.apply(groups(2), []);
    await test.store.apply(groups(3), []);
    disk.indexCommits = 0;
    disk.failsAt = commits;
    await test.store.cleaned();
    expect(disk.indexCommits).toBeGreaterThan(commits);
    disk.failsAt = Number.POSITIVE_INFINITY;
    if (how === 'found by a restart') await test.reopen();
    await test.store.apply(groups(4), []);
    await test.store.cleaned();
    await test.store.close();
    const followed = await indexOf(test.dataDir);
    rmSync(join(test.dataDir, 'index'), { recursive: true });
    await test.reopen();
    await test.store.close();
    expect(followed).toEqual(await indexOf(test.dataDir));
  },
);
