// Backups of a store that goes on working, and stores that are restored from them.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { frameVersion, putKey, type Store } from '@mendlog/core';
import { expect, test } from 'vitest';
import { restoreBackup, verifyBackup } from '../src/backup/index.js';
import { createNode } from '../src/node.js';
import { BackedUp, held, keyed, summariesOf } from './backed-up.js';
import { counters, frame, groupOf } from './records.js';
import { expectDigestsOf, framesOf, hex, UNBOUNDED } from './store-digests.js';
import { temporaryFolder } from './temporary-folder.js';
import { kernel, openStore, secret } from './test-store.js';

const BAD_CONFIG = expect.objectContaining({ code: 'BAD_CONFIG' });
const HOT_SECONDS = Number(process.env.MENDLOG_BACKUP_SECONDS ?? 1);

/** Writes, supersedes keys and trims without a pause, and knows what is acknowledged. */
class Busy {
  readonly acknowledged = new Map<string, string>();
  readonly #store: Store;
  readonly #stops = new AbortController();
  readonly #loops: Promise<void>[];
  /** Trimmed up to there, or a trim was asked for. */
  trimmedTo = 0;
  head = 0;
  writes = 0;

  constructor(store: Store) {
    this.#store = store;
    this.#loops = [this.#append(), this.#append(), this.#supersede(), this.#trim()];
  }

  async stop(): Promise<void> {
    this.#stops.abort();
    await Promise.all(this.#loops);
  }

  get #goesOn(): boolean {
    return !this.#stops.signal.aborted;
  }

  async #append(): Promise<void> {
    while (this.#goesOn) {
      const first = this.head + 1;
      this.head += 64;
      const frames = counters(first, this.head).map((counter) => frame(counter, `${counter} `.repeat(40)));
      await this.#store.apply([groupOf('log', frames)], []);
      for (const bytes of frames) this.acknowledged.set(String(frameVersion(bytes).counter), hex(bytes));
      this.writes++;
    }
  }

  async #supersede(): Promise<void> {
    for (let counter = 1; this.#goesOn; counter++)
      await this.#store.apply([groupOf('keys', [keyed(counter, `k${counter % 7}`, 'v'.repeat(2000))])], []);
  }

  async #trim(): Promise<void> {
    while (this.#goesOn) {
      await delay(20);
      this.trimmedTo = Math.max(0, this.head - 4000);
      if (this.trimmedTo > 0) await this.#store.trim('log', this.trimmedTo);
    }
  }
}

test(`backup: what was acknowledged before is in it while writes, keys and trims go on (seconds=${HOT_SECONDS})`, async () => {
  using folder = temporaryFolder();
  const at = (name: string) => join(folder.path, name);
  const store = openStore(at('data'));
  // So much that copying takes a moment, in which others write.
  for (let first = 1; first <= 20_000; first += 1000) {
    const filling = counters(first, first + 999).map((counter) => frame(counter, 'x'.repeat(3000)));
    await store.apply([groupOf('filling', filling)], []);
  }
  const busy = new Busy(store);
  try {
    await delay(HOT_SECONDS * 500);
    for (const round of ['first', 'second']) {
      const acknowledged = new Map(busy.acknowledged);
      const [headBefore, writesBefore] = [store.head('keys'), busy.writes];
      const manifest = await store.backup(at(round));
      expect(busy.writes).toBeGreaterThan(writesBefore);
      await restoreBackup({ from: at(round), to: at(`${round}-restored`) });
      const restored = openStore(at(`${round}-restored`));
      try {
        expect(summariesOf(restored)).toEqual(
          manifest.partitions
            .map(({ name, ...summary }) => ({ partition: name, ...summary }))
            .sort((a, b) => (a.partition < b.partition ? -1 : 1)),
        );
        for (const partition of ['log', 'keys'])
          expectDigestsOf(restored, partition, framesOf(restored, partition));
        const found = new Map(
          framesOf(restored, 'log').map((bytes) => [String(frameVersion(bytes).counter), hex(bytes)]),
        );
        const trimmedTo = restored.summary('log')?.trimmedTo ?? 0;
        expect(trimmedTo).toBeLessThanOrEqual(busy.trimmedTo);
        for (const [counter, bytes] of acknowledged)
          if (Number(counter) > trimmedTo)
            expect({ counter, bytes: found.get(counter) }).toEqual({ counter, bytes });
        expect(restored.head('keys')).toBeGreaterThanOrEqual(headBefore);
        for (let i = 0; i < 7; i++) {
          const holders = restored.readKeys('keys', [putKey(`k${i}`)], UNBOUNDED);
          expect(holders).toHaveLength(1);
        }
        expect(restored.summary('keys')?.records).toBe(7);
      } finally {
        await restored.close();
      }
      expect(await verifyBackup(at(round), { kernel, secret })).toEqual(manifest);
    }
  } finally {
    await busy.stop();
  }
  // The store goes on, and gives back the room that it kept for the backup.
  await store.cleaned();
  for (const partition of ['log', 'keys']) expectDigestsOf(store, partition, framesOf(store, partition));
  expect(framesOf(store, 'log').map(hex)).toEqual(
    [...busy.acknowledged]
      .filter(([counter]) => Number(counter) > (store.summary('log')?.trimmedTo ?? 0))
      .sort(([a], [b]) => Number(a) - Number(b))
      .map(([, bytes]) => bytes),
  );
  await store.close();
}, 60_000);

test.each([
  ['a file in it', (path: string) => writeFileSync(join(path, 'mine'), 'of somebody')],
  ['a backup in it', (path: string) => writeFileSync(join(path, 'manifest.json'), '{}')],
  ['a folder in it', (path: string) => mkdirSync(join(path, 'log'))],
])('backup: a folder that is not empty is refused and left alone (with=%s)', async (_, fill) => {
  await using made = await BackedUp.make();
  const folder = made.at('taken');
  mkdirSync(folder);
  fill(folder);
  const names = readdirSync(folder);
  await expect(made.store.backup(folder)).rejects.toEqual(BAD_CONFIG);
  await expect(restoreBackup({ from: made.at('backup'), to: folder })).rejects.toEqual(BAD_CONFIG);
  expect(readdirSync(folder)).toEqual(names);
});

test('backup: a folder that cannot hold one is refused (a file, within the data folder, no name)', async () => {
  await using made = await BackedUp.make();
  writeFileSync(made.at('file'), '');
  for (const path of [made.at('file'), made.at('file/x'), made.at('data'), made.at('data/backup'), ''])
    await expect(made.store.backup(path)).rejects.toEqual(BAD_CONFIG);
  expect(existsSync(made.at('data/backup'))).toBe(false);
});

test('backup: one that is aborted leaves nothing, and the store goes on (folder=missing, empty)', async () => {
  await using made = await BackedUp.make();
  mkdirSync(made.at('empty'));
  for (const name of ['missing', 'empty']) {
    const abort = new AbortController();
    const backup = made.store.backup(made.at(name), { signal: abort.signal });
    abort.abort(new Error('enough'));
    await expect(backup).rejects.toThrow('enough');
  }
  expect(made.names()).toEqual(['backup', 'data', 'empty']);
  expect(readdirSync(made.at('empty'))).toEqual([]);
  await made.store.apply([groupOf('a', [frame(400)])], []);
  await made.store.backup(made.at('empty'));
  await verifyBackup(made.at('empty'), { kernel, secret });
});

test('backup: a store that is closed meanwhile waits for the copy, and no backup is left', async () => {
  await using made = await BackedUp.make();
  const backup = made.store.backup(made.at('late'));
  const refused = expect(backup).rejects.toEqual(expect.objectContaining({ code: 'CLOSED' }));
  await made.store.close();
  expect(made.names()).toEqual(['backup', 'data']);
  await refused;
  await expect(made.store.backup(made.at('late'))).rejects.toEqual(
    expect.objectContaining({ code: 'CLOSED' }),
  );
});

test('backup: progress is told in bytes, up to all of them', async () => {
  await using made = await BackedUp.make();
  const seen: string[] = [];
  await made.store.backup(made.at('again'), {
    onProgress: ({ step, bytes, bytesInAll }) => seen.push(`${step} ${bytes} ${bytesInAll}`),
  });
  const [all = 0] = [made.manifest.files.reduce((sum, { bytes }) => sum + bytes, 0)];
  expect(seen.at(-1)).toMatch(/^hashing ([0-9]+) \1$/);
  expect(Number(seen.at(-1)?.split(' ')[1])).toBeGreaterThan(all / 2);
});

test('backup: of a store without a record', async () => {
  using folder = temporaryFolder();
  const at = (name: string) => join(folder.path, name);
  const store = openStore(at('data'));
  const manifest = await store.backup(at('backup'));
  expect(manifest.partitions).toEqual([]);
  await store.close();
  await verifyBackup(at('backup'), { kernel, secret });
  await restoreBackup({ from: at('backup'), to: at('restored') });
  const restored = openStore(at('restored'));
  expect(held(restored)).toEqual([]);
  await restored.close();
});

test('backup: no node opens one by itself', async () => {
  await using made = await BackedUp.make();
  const before = made.hashes();
  expect(() => openStore(made.at('backup'))).toThrow(BAD_CONFIG);
  expect(() => openStore(made.at('backup'))).toThrow('restore it into another folder with mendlog restore');
  expect(made.hashes()).toEqual(before);
});

test('restore: the same records under a new store id, and the backup stays as it was (node=same, another)', async () => {
  await using made = await BackedUp.make();
  const before = made.hashes();
  const expected = held(made.store);
  const ids = new Set([made.store.storeId]);
  for (const nodeId of ['n1', 'n2']) {
    const to = made.at(`of-${nodeId}`);
    const restored = await restoreBackup({
      ...{ from: made.at('backup'), to },
      ...(nodeId === 'n1' ? {} : { nodeId }),
    });
    expect(restored).toMatchObject({ nodeId, manifest: made.manifest });
    ids.add(restored.storeId);
    const store = openStore(to, { nodeId });
    expect(store.storeId).toBe(restored.storeId);
    expect(held(store)).toEqual(expected);
    // It takes writes of its own.
    await store.apply([groupOf('a', [frame(500)])], []);
    expect(store.head('a')).toBe(500);
    await store.close();
  }
  expect(ids.size).toBe(3);
  expect(made.hashes()).toEqual(before);
  for (const nodeId of ['', 'no/de'])
    await expect(restoreBackup({ from: made.at('backup'), to: made.at('x'), nodeId })).rejects.toEqual(
      BAD_CONFIG,
    );
  expect(existsSync(made.at('x'))).toBe(false);
});

test('restore: of a backup that nobody may write (mode=0444)', async () => {
  await using made = await BackedUp.make();
  for (const { path } of made.manifest.files) chmodSync(join(made.at('backup'), path), 0o444);
  await restoreBackup({ from: made.at('backup'), to: made.at('restored') });
  for (const { path } of made.manifest.files)
    expect(statSync(join(made.at('restored'), path)).mode & 0o777).toBe(0o644);
  const store = openStore(made.at('restored'));
  await store.apply([groupOf('a', [frame(500)])], []);
  await store.close();
});

test('restore: one that was cut short is opened by no node, and not restored over', async () => {
  await using made = await BackedUp.make();
  await restoreBackup({ from: made.at('backup'), to: made.at('restored') });
  // As a process that dies leaves it: files, and the description that is there until the end.
  const stop = new AbortController();
  const cut = restoreBackup({
    ...{ from: made.at('backup'), to: made.at('cut'), signal: stop.signal },
    onProgress: () => stop.abort(new Error('enough')),
  });
  await expect(cut).rejects.toThrow('enough');
  expect(existsSync(made.at('cut'))).toBe(false);
  const meta = JSON.parse(readFileSync(made.at('restored/meta.json'), 'utf8'));
  const refusal = 'holds a restore that was cut short: remove it and restore again';
  writeFileSync(made.at('restored/meta.json'), JSON.stringify({ ...meta, refusal }));
  expect(() => openStore(made.at('restored'))).toThrow(refusal);
  await expect(restoreBackup({ from: made.at('backup'), to: made.at('restored') })).rejects.toEqual(
    BAD_CONFIG,
  );
  rmSync(made.at('restored'), { recursive: true });
  await restoreBackup({ from: made.at('backup'), to: made.at('restored') });
  await openStore(made.at('restored')).close();
});

test('restore: a node makes a backup of itself, and another starts on what is restored from it', async () => {
  using folder = temporaryFolder();
  const at = (name: string) => join(folder.path, name);
  const options = { id: 'n1', listen: '127.0.0.1:0' };
  await using node = await createNode({ ...options, dataDir: at('data') });
  const append = (url: string, message: string) =>
    fetch(`${url}/api/write`, { method: 'POST', body: JSON.stringify({ partitionId: 'p', message }) });
  for (let i = 1; i <= 20; i++) expect((await append(node.url, `message ${i}`)).status).toBe(201);
  const manifest = await node.backup(at('backup'));
  expect(manifest).toMatchObject({ nodeId: 'n1', partitions: [{ name: 'p', records: 20, head: 20 }] });
  expect((await append(node.url, 'later')).status).toBe(201);
  await restoreBackup({ from: at('backup'), to: at('restored') });
  await using restored = await createNode({ ...options, dataDir: at('restored') });
  const read = async (id: number) => {
    const answer = await fetch(`${restored.url}/api/read/p/${id}`);
    return { status: answer.status, text: await answer.text() };
  };
  for (let i = 1; i <= 20; i++) expect((await read(i)).text).toContain(`message ${i}"`);
  expect((await read(21)).status).toBe(404);
  // The counter is given out a second time; the incarnation differs, so the version does not.
  expect((await append(restored.url, 'of the restored one')).status).toBe(201);
  expect((await read(21)).text).toContain('of the restored one');
});
