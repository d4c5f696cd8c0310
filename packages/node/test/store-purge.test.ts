// A purge in the store on LMDB: nothing that a tombstone had deleted comes back, though it lies in the log, whatever
// becomes of the index, of the process and of the folder.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MendlogError, putKey } from '@mendlog/core';
import { describe, expect, test, vi } from 'vitest';
import { ArrivalLog } from '../src/storage/arrival-log.js';
import type { LmdbStore } from '../src/storage/lmdb-store.js';
import { OutwornEntries } from '../src/storage/outworn-entries.js';
import { VersionIndex } from '../src/storage/version-index.js';
import { counters, frame, frameOf, groupOf } from './records.js';
import { spoilFrame } from './spoil-frame.js';
import { expectDigestsOf, framesOf, hex, UNBOUNDED } from './store-digests.js';
import { TestStore } from './test-store.js';

const PER_ENTRY = 40;
const large = (counter: number) => frame(counter, 'x'.repeat(200));
const put = (counter: number, key: string) => frameOf(counter, `v${counter}`, { key });
const tombstone = (counter: number, key: string) => frameOf(counter, '', { key, tombstone: true });

/** Records that stay, in each entry one put of k among them, and in the last one a tombstone; `above` lie above it. */
async function fill({
  store,
}: TestStore): Promise<{ held: Uint8Array[]; above: Uint8Array[]; deletedAt: number }> {
  const held: Uint8Array[] = [];
  for (let entry = 0; entry < 3; entry++) {
    const first = 1 + entry * PER_ENTRY;
    const kept = counters(first + 1, first + PER_ENTRY - 1).map(large);
    await store.apply([groupOf('orders', [put(first, 'k'), ...kept])], []);
    held.push(...kept);
  }
  const deletedAt = 3 * PER_ENTRY + 1;
  const above = counters(deletedAt + 1, deletedAt + PER_ENTRY).map(large);
  await store.apply([groupOf('orders', [tombstone(deletedAt, 'k'), ...above])], []);
  await store.cleaned();
  return { held, above, deletedAt };
}

async function loseTheIndex(opened: TestStore): Promise<void> {
  await opened.reopen(() => {
    const index = join(opened.dataDir, 'index');
    for (const name of readdirSync(index)) rmSync(join(index, name), { recursive: true });
  });
  await opened.store.cleaned();
}

async function expectPurged(opened: TestStore, held: readonly Uint8Array[]): Promise<void> {
  for (const when of ['now', 'after a restart', 'over an index made anew']) {
    if (when === 'after a restart') await opened.reopen();
    if (when === 'over an index made anew') await loseTheIndex(opened);
    await opened.store.cleaned();
    expect(framesOf(opened.store, 'orders').map(hex), when).toEqual(held.map(hex));
    expectDigestsOf(opened.store, 'orders', held);
    expect(opened.store.keyStates('orders', [putKey('k')]), when).toEqual(['absent']);
    expect((await (opened.store as LmdbStore).verify()).findings, when).toEqual([]);
  }
}

describe('purge', () => {
  test('purge: what a tombstone had deleted stays away over an index made anew, though its entries are live', async () => {
    await using opened = new TestStore();
    const { held, above, deletedAt } = await fill(opened);
    await opened.store.fence('orders', deletedAt, 0);
    await opened.store.purge('orders', deletedAt);
    await expectPurged(opened, [...held, ...above]);
  });

  test('purge: a replica that had no part in the proof drops what lies in its log too', async () => {
    await using opened = new TestStore();
    const { held, above, deletedAt } = await fill(opened);
    await opened.store.purge('orders', deletedAt);
    await expectPurged(opened, above);
    // What a session brings stays.
    await opened.store.apply([groupOf('orders', held)], [], { purgedTo: deletedAt });
    await expectPurged(opened, [...held, ...above]);
    // Where the others know of no tombstone, that of this one is gone as well, and hides nothing.
    await opened.store.apply([groupOf('orders', [put(1, 'k')])], [], { purgedTo: deletedAt });
    await loseTheIndex(opened);
    expect(framesOf(opened.store, 'orders').map(hex)).toEqual([put(1, 'k'), ...held, ...above].map(hex));
    expect((await (opened.store as LmdbStore).verify()).findings).toEqual([]);
  });

  test('purge: an append that a dropped retry had superseded stays away, though its counter is above', async () => {
    await using opened = new TestStore();
    const append = (counter: number, attempt: number) =>
      frameOf(counter, `v${counter}`, { append: { id: new Uint8Array(16).fill(7), attempt } });
    const above = counters(200, 240).map(large);
    await opened.store.apply([groupOf('orders', [...above, append(250, 0)])], []);
    await opened.store.apply([groupOf('orders', [append(5, 1), large(6)])], [], 'repair');
    await opened.store.purge('orders', 100);
    await expectPurged(opened, above);
  });

  test('purge: a tombstone that the disk has changed goes with its key', async () => {
    await using opened = new TestStore();
    const { held, above, deletedAt } = await fill(opened);
    await opened.store.fence('orders', deletedAt, 0);
    await opened.reopen(() => spoilFrame(opened.dataDir, tombstone(deletedAt, 'k'), 28));
    expect(opened.store.readKeys('orders', [putKey('k')], UNBOUNDED)).toEqual([]);
    await opened.store.purge('orders', deletedAt);
    await expectPurged(opened, [...held, ...above]);
  });

  test('fence: a store that is restored from a backup does not have it', async () => {
    await using opened = new TestStore();
    const { deletedAt } = await fill(opened);
    await opened.store.fence('orders', 50, 0);
    await opened.store.purge('orders', 50);
    await opened.store.fence('orders', deletedAt, 50);
    await opened.reopen();
    expect(opened.store.summary('orders')).toMatchObject({ fencedTo: deletedAt, purgedTo: 50 });
    await opened.reopen(() => {
      const path = join(opened.dataDir, 'meta.json');
      writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), storeId: 'another' }));
    });
    expect(opened.store.summary('orders')).toMatchObject({
      fencedTo: 50,
      purgedTo: 50,
      head: deletedAt + PER_ENTRY,
    });
  });

  test('purge: while a backup is made nothing is purged, and what comes late stays away all the same', async () => {
    await using opened = new TestStore();
    const { held, above, deletedAt } = await fill(opened);
    await opened.store.fence('orders', deletedAt, 0);
    const isHeld = vi.spyOn(OutwornEntries.prototype, 'isHeld', 'get').mockReturnValue(true);
    await expect(opened.store.purge('orders', deletedAt)).rejects.toMatchObject({ code: 'OVERLOADED' });
    isHeld.mockRestore();
    const late = await opened.store.apply([groupOf('orders', [put(41, 'k'), put(1, 'new')])], [], 'repair');
    expect(late).toMatchObject({ added: 0, purged: [{ partition: 'orders' }] });
    expect(opened.store.summary('orders')).toMatchObject({ purgedTo: 0 });
    await opened.store.purge('orders', deletedAt);
    await expectPurged(opened, [...held, ...above]);
  });

  test.each(['log', 'index'] as const)(
    'purge: wherever a commit fails nothing comes back, and it is made again (commits to the %s)',
    async (which) => {
      const failure = new MendlogError('DISK_FULL', 'the disk is full, says the test');
      for (let failing = 1; ; failing++) {
        await using opened = new TestStore();
        const { held, above, deletedAt } = await fill(opened);
        await opened.store.fence('orders', deletedAt, 0);
        let commits = 0;
        const fails = () => ++commits === failing;
        const spy =
          which === 'log'
            ? failingCommit(ArrivalLog.prototype, fails, failure)
            : failingRemoval(fails, failure);
        const outcome = await opened.store.purge('orders', deletedAt).then(
          () => 'purged',
          (cause: unknown) => cause,
        );
        spy.mockRestore();
        if (outcome === 'purged') {
          expect(failing).toBeGreaterThan(1);
          await expectPurged(opened, [...held, ...above]);
          return;
        }
        expect(outcome).toBe(failure);
        // As after a crash: the tombstone is there or gone, what it had deleted is gone.
        await loseTheIndex(opened);
        const there = framesOf(opened.store, 'orders').map(hex);
        expect(
          [above, [tombstone(deletedAt, 'k'), ...above]].map((frames) => [...held, ...frames].map(hex)),
        ).toContainEqual(there);
        await opened.store.purge('orders', deletedAt);
        await expectPurged(opened, [...held, ...above]);
      }
    },
  );
});

function failingCommit(prototype: ArrivalLog, fails: () => boolean, failure: Error) {
  const { commit } = prototype;
  return vi.spyOn(prototype, 'commit').mockImplementation(async function (this: ArrivalLog, write, bytes) {
    if (fails()) throw failure;
    await commit.call(this, write, bytes);
  });
}

function failingRemoval(fails: () => boolean, failure: Error) {
  const { purge } = VersionIndex.prototype;
  return vi.spyOn(VersionIndex.prototype, 'purge').mockImplementation(async function (
    this: VersionIndex,
    ...call
  ) {
    if (fails()) throw failure;
    return await purge.apply(this, call);
  });
}
