// What the steps of a backup rest on: their order, entries of the log that stay, and what LMDB calls flushed.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MemoryStore } from '@mendlog/core';
import { partitionKey } from '@mendlog/merkle';
import { open } from 'lmdb';
import { expect, test } from 'vitest';
import { backUpStore } from '../src/backup/back-up-store.js';
import { ArrivalLog } from '../src/storage/arrival-log.js';
import { IndexFollower } from '../src/storage/index-follower.js';
import { PartitionState } from '../src/storage/partition-state.js';
import { VersionIndex } from '../src/storage/version-index.js';
import { counters, frame, groupOf } from './records.js';
import { temporaryFolder } from './temporary-folder.js';
import { kernel, openStore, secret } from './test-store.js';

function newIndex(path: string, log?: ArrivalLog): VersionIndex {
  return new VersionIndex(path, {
    kernel,
    frameOf: (_, record) => log?.frameOf(record),
    goneOf: () => ({ trimmedTo: 0, purgedTo: 0, isPurged: () => false, hasDamaged: false }),
  });
}

test.each(['nothing', 'index', 'log', 'open'])(
  'backup: the index is copied first, and the log behind it, while entries are held (fails=%s)',
  async (fails) => {
    using folder = temporaryFolder();
    const steps: string[] = [];
    const copy = (what: string) => async (to: string) => {
      steps.push(what);
      // What lies there would be taken for a data folder, should the process die now.
      expect(() => openStore(join(folder.path, 'backup'))).toThrow(
        'holds a backup that was cut short: remove it and take',
      );
      if (what === fails) throw new Error(`the ${what} cannot be read`);
      writeFileSync(join(to, 'data.mdb'), what);
    };
    const to = join(folder.path, 'backup');
    const source = {
      ...{ dataDir: join(folder.path, 'data'), nodeId: 'n1', storeId: 's', logId: '0'.repeat(36) },
      holdEntries: async () => {
        steps.push('hold');
        return () => void steps.push('release');
      },
      copyIndex: copy('index'),
      copyLog: copy('log'),
      openCopy: (onDamage: (what: string) => void) => {
        steps.push('open');
        if (fails === 'open') {
          mkdirSync(join(to, 'set-aside'));
          onDamage('2 entries of the log are lost');
        }
        return new MemoryStore({
          storeId: '',
          kernel,
          tagKeyOf: (name) => partitionKey(kernel, secret, name),
        });
      },
    };
    const backup = backUpStore(source, to, {});
    if (fails === 'nothing') {
      const { files } = await backup;
      expect(files.map(({ path }) => path)).toEqual([
        `index/${'0'.repeat(36)}/data.mdb`,
        'log/data.mdb',
        'meta.json',
      ]);
      expect(steps).toEqual(['hold', 'index', 'log', 'release', 'open']);
    } else if (fails === 'open') {
      const message = expect.stringContaining('2 entries of the log are lost; back up another replica');
      await expect(backup).rejects.toEqual(expect.objectContaining({ code: 'LOG_DAMAGED', message }));
    } else {
      await expect(backup).rejects.toThrow(`the ${fails} cannot be read; take the backup again`);
      const copies = fails === 'index' ? ['index'] : ['index', 'log'];
      expect(steps).toEqual(['hold', ...copies, 'release']);
    }
    expect(existsSync(to)).toBe(fails === 'nothing');
  },
);

test('store: entries without a live record stay while they are held, and go after that (holders=2)', async () => {
  using folder = temporaryFolder();
  const log = new ArrivalLog(join(folder.path, 'log'), kernel);
  const index = newIndex(join(folder.path, 'index'), log);
  const follower = new IndexFollower({
    log,
    index,
    overlayBytesMax: Number.POSITIVE_INFINITY,
    checkKeyed() {},
  });
  const state = new PartitionState('p', 1, partitionKey(kernel, secret, 'p'));
  const group = groupOf(
    'p',
    counters(1, 5).map((counter) => frame(counter)),
  );
  const entry = log.writer.write([{ of: { state, group }, from: 0, to: 5 }]);
  await log.commit(() => log.putEntry(1, entry.bytes));
  const run = { state, isAboveAll: true, hasNewAppends: false, arrival: 1, entry, from: 0, to: 5 };
  follower.follow([run], { last: 1, bytes: entry.bytes.length, indexed: () => {} });
  await follower.cleaned();

  const releases = [await follower.holdEntries(), await follower.holdEntries()];
  state.trimmedTo = 5;
  for (const release of releases) {
    await follower.clean(state);
    await follower.cleaned();
    expect(state.cleanedTo).toBe(5);
    expect(log.peek(1)).toBeDefined();
    release();
  }
  await follower.cleaned();
  expect(log.peek(1)).toBeUndefined();
  await log.close();
  await index.close();
});

test('store: of an index that is copied while it changes, LMDB takes the copied state for the flushed one (copies=10)', async () => {
  using folder = temporaryFolder();
  const index = newIndex(join(folder.path, 'index'));
  let applied = 0;
  let stopped = false;
  const commits = (async () => {
    while (!stopped) await index.apply({ runs: [], entries: [], applied: ++applied });
  })();
  for (let i = 0; i < 10; i++) {
    const copy = join(folder.path, `copy-${i}`);
    mkdirSync(copy);
    const before = applied;
    await index.copyTo(copy);
    // The numbers of the transactions of which a file tells: the last two, and the last that was flushed.
    const file = readFileSync(join(copy, 'data.mdb'));
    const pageBytes = file.readUInt32LE(48);
    const [one = 0, other = 0, flushed] = [0, pageBytes, pageBytes / 2].map((at) =>
      Number(file.readBigUInt64LE(at + 152)),
    );
    expect(flushed).toBe(Math.max(one, other));
    // As LMDB opens it after a restart of the machine.
    const options = { path: copy, maxDbs: 8, safeRestore: true };
    const environment = open(options);
    expect(environment.openDB({ name: 'meta' }).get('applied')).toBeGreaterThanOrEqual(before - 1);
    await environment.close();
  }
  stopped = true;
  await commits;
  await index.close();
});
