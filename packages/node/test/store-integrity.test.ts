// What the disk changes is found, never given out, and mended or set aside.
import {
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import {
  appendKey,
  encodeFrame,
  formatVersion,
  packItems,
  packKeyStates,
  putKey,
  type Store,
} from '@mendlog/core';
import { open } from 'lmdb';
import { describe, expect, test } from 'vitest';
import { LmdbStore } from '../src/storage/lmdb-store.js';
import { openStore } from '../src/storage/open-store.js';
import { copyAsCrashed } from './crash-image.js';
import { counters, frame, groupOf, version } from './records.js';
import { spoilFrame, spoilTable } from './spoil-frame.js';
import { EVERYTHING, expectDigestsOf, framesOf, hex, UNBOUNDED } from './store-digests.js';
import { temporaryFolder } from './temporary-folder.js';
import { kernel, secret, TestStore } from './test-store.js';

const keyed = (counter: number, key: string, value = `${key} at ${counter}`) =>
  encodeFrame({ version: version(counter), timeMs: 1, value: Buffer.from(value), key });
const appended = (counter: number, last: number, attempt = 0) =>
  encodeFrame({
    version: version(counter),
    timeMs: 1,
    value: Buffer.from(`append ${last}`),
    append: { id: Uint8Array.from({ length: 16 }, (_, i) => (i === 15 ? last : 7)), attempt },
  });

/** Records of every kind, some trimmed, some superseded, all in the index. */
async function fill(store: Store): Promise<void> {
  const plain = counters(1, 600).map((counter) => frame(counter, `plain ${counter}`));
  for (let from = 0; from < plain.length; from += 100)
    await store.apply([groupOf('plain', plain.slice(from, from + 100))], []);
  await store.trim('plain', 120);
  for (let round = 0; round < 5; round++) {
    const frames = counters(1, 40).map((i) => keyed(round * 40 + i, `key ${i}`));
    const appends = counters(1, 30).map((i) => appended(round * 30 + i, i, Math.min(round, 2)));
    await store.apply([groupOf('keyed', frames), groupOf('appended', appends)], []);
    await store.cleaned();
  }
}

const lmdbStore = (opened: TestStore): LmdbStore => {
  expect(opened.store).toBeInstanceOf(LmdbStore);
  return opened.store as LmdbStore;
};
const summariesOf = (store: Store) => store.partitions().sort((a, b) => (a.partition < b.partition ? -1 : 1));
const indexFolder = (dataDir: string) => {
  const [name = ''] = readdirSync(join(dataDir, 'index'));
  return join(dataDir, 'index', name);
};
const kindsOf = (findings: readonly { kind: string }[]) =>
  [...new Set(findings.map(({ kind }) => kind))].sort();

describe('integrity: verify', () => {
  test('integrity: a store with records of every kind is sound, after a restart and over a new index too', async () => {
    await using opened = new TestStore();
    await fill(opened.store);
    for (const spoil of [
      undefined,
      undefined,
      () => rmSync(join(opened.dataDir, 'index'), { recursive: true }),
    ]) {
      const report = await lmdbStore(opened).verify();
      expect(report).toMatchObject({ isSound: true, findings: [], records: 480 + 40 + 30 });
      await opened.reopen(spoil);
    }
    expect(lmdbStore(opened).damaged()).toEqual([]);
  });

  test.each([
    { where: 'its value', offset: 40 },
    { where: 'its format', offset: 0 },
    { where: 'its flags', offset: 1 },
    { where: 'its key', offset: 29 },
  ])(
    'integrity: a record that the disk has changed in $where is found, and sound when it came again',
    async ({ offset }) => {
      await using opened = new TestStore();
      await fill(opened.store);
      const bytes = keyed(4 * 40 + 17, 'key 17');
      await opened.reopen(() => spoilFrame(opened.dataDir, bytes, offset));
      const store = lmdbStore(opened);
      expect(await store.verify()).toMatchObject({
        isSound: false,
        findings: [{ kind: 'record', partition: 'keyed', version: version(177) }],
        counts: { record: 1, entry: 0, index: 0 },
      });
      expect(store.damaged()).toEqual([{ partition: 'keyed', versions: [version(177)] }]);
      expect(store.readKeys('keyed', [putKey('key 17')], UNBOUNDED)).toEqual([]);
      await store.apply([groupOf('keyed', [bytes])], []);
      expect(store.damaged()).toEqual([]);
      expect(store.readKeys('keyed', [putKey('key 17')], UNBOUNDED).map(hex)).toEqual([hex(bytes)]);
      expect(await store.verify()).toMatchObject({ isSound: true, records: 550 });
      await opened.reopen();
      expect(await lmdbStore(opened).verify()).toMatchObject({ isSound: true, records: 550 });
    },
  );

  test('integrity: who holds a key is unknown from the first look-up on that meets a changed record', async () => {
    await using opened = new TestStore();
    await fill(opened.store);
    const bytes = keyed(4 * 40 + 17, 'key 17');
    await opened.reopen(() => spoilFrame(opened.dataDir, bytes, 29));
    const store = lmdbStore(opened);
    const asked = [
      packItems('keyed', [putKey('key 17'), putKey('key 18')]),
      packItems('nowhere', [putKey('key 17')]),
    ];
    const [, other] = store.keyStates('keyed', [putKey('key 17'), putKey('key 18')]);
    const states = packKeyStates(['unknown', other ?? 'absent', 'absent']);
    const sound = keyed(4 * 40 + 18, 'key 18');
    expect(store.keyHoldings(asked, UNBOUNDED)).toEqual({ states, frames: [undefined, sound, undefined] });
    expect(store.keyHoldings(asked, 0)).toEqual({ states, frames: [] });
    expect(store.damaged()).toEqual([{ partition: 'keyed', versions: [version(177)] }]);
    await store.apply([groupOf('keyed', [bytes])], []);
    expect(store.keyHoldings(asked, UNBOUNDED).frames).toEqual([bytes, sound, undefined]);
  });

  test('integrity: what is known of changed records is forgotten at a restart, and nothing is lost by it', async () => {
    await using opened = new TestStore();
    await fill(opened.store);
    const bytes = keyed(4 * 40 + 17, 'key 17');
    const found = [{ partition: 'keyed', versions: [version(177)] }];
    await opened.reopen(() => spoilFrame(opened.dataDir, bytes, 40));
    await lmdbStore(opened).verify();
    expect(lmdbStore(opened).damaged()).toEqual(found);
    const listed = lmdbStore(opened).list('keyed', EVERYTHING);
    await opened.reopen();
    const store = lmdbStore(opened);
    expect(store.damaged()).toEqual([]);
    // Not absent, and not given out: whoever asks for it learns of it, and finds it.
    expect(store.list('keyed', EVERYTHING)).toEqual(listed);
    expect(store.readVersions('keyed', [version(177)], UNBOUNDED)).toEqual([]);
    expect(store.damaged()).toEqual(found);
    await opened.reopen();
    expect((await lmdbStore(opened).verify()).findings).toMatchObject([
      { kind: 'record', partition: 'keyed' },
    ]);
    await opened.store.apply([groupOf('keyed', [bytes])], []);
    expect(opened.store.readVersions('keyed', [version(177)], UNBOUNDED).map(hex)).toEqual([hex(bytes)]);
  });

  test.each(['version', 'tag', 'end'] as const)(
    'integrity: an entry whose table the disk has changed is found, its records are not given out (in a %s)',
    async (part) => {
      await using opened = new TestStore();
      await fill(opened.store);
      const bytes = appended(4 * 30 + 11, 11, 2);
      await opened.reopen(() => spoilTable(opened.dataDir, bytes, part));
      const store = lmdbStore(opened);
      const { findings, counts } = await store.verify();
      expect(kindsOf(findings)).toEqual(['entry', 'record']);
      expect(counts.entry).toBe(1);
      const damaged = store.damaged().flatMap(({ versions }) => versions.map(formatVersion));
      expect(damaged).toContain(formatVersion(version(131)));
      const id = Uint8Array.from({ length: 16 }, (_, i) => (i === 15 ? 11 : 7));
      for (const frames of [
        store.readKeys('appended', [appendKey(id)], UNBOUNDED),
        framesOf(store, 'appended'),
      ]) {
        for (const given of frames) expect(hex(given)).not.toBe(hex(bytes.fill(0)));
      }
    },
  );
});

test.each([false, true])(
  'integrity: pages go on behind records that are all damaged (descending=%s)',
  async (descending) => {
    await using opened = new TestStore();
    const frames = counters(1, 30).map((counter) => frame(counter, `the value of ${counter}.`));
    await opened.store.apply([groupOf('orders', frames)], []);
    await opened.reopen(() => {
      for (const bytes of frames.slice(5, 25)) spoilFrame(opened.dataDir, bytes, 30);
    });
    const range = { from: version(6), to: version(30), limit: 4, descending };
    const turned = descending ? { ...range, from: version(1), to: version(25) } : range;
    const page = opened.store.readRange('orders', turned, UNBOUNDED);
    const first = descending ? frames.slice(1, 5).reverse() : frames.slice(25, 29);
    expect(page.frames.map(hex)).toEqual(first.map(hex));
    expect(page.truncated).toBe(true);
    const inside = { from: version(7), to: version(20), limit: 4, descending };
    expect(opened.store.readRange('orders', inside, UNBOUNDED)).toEqual({ frames: [], truncated: false });
  },
);

describe('integrity: an index that says something else than the log', () => {
  type Table = 'blocks' | 'rows' | 'keys' | 'partitions' | 'live';
  const change = async (
    dataDir: string,
    name: Table,
    spoil: (key: Buffer, value: Buffer) => Buffer | undefined,
  ) => {
    const env = open({ path: indexFolder(dataDir), maxDbs: 8 });
    const table = env.openDB<Buffer, Buffer>({ name, encoding: 'binary', keyEncoding: 'binary' });
    const entry = [...table.getRange({ limit: 4 })].at(-1);
    expect(entry).toBeDefined();
    if (entry === undefined) return;
    const value = spoil(entry.key, Buffer.from(entry.value));
    if (value === undefined) table.removeSync(entry.key);
    else table.putSync(entry.key, value);
    await env.close();
  };
  const flipped = (at: number) => (_: Buffer, value: Buffer) => {
    value[at] = (value[at] as number) ^ 1;
    return value;
  };

  test.each([
    { what: 'a version', table: 'blocks', spoil: flipped(15) },
    { what: 'a tag', table: 'blocks', spoil: flipped(20) },
    { what: 'an arrival', table: 'blocks', spoil: flipped(37) },
    { what: 'an ordinal', table: 'blocks', spoil: flipped(39) },
    { what: 'a length', table: 'blocks', spoil: flipped(43) },
    { what: 'a lost block', table: 'blocks', spoil: () => undefined },
    { what: 'a row', table: 'rows', spoil: flipped(3) },
    { what: 'a lost row', table: 'rows', spoil: () => undefined },
    { what: 'a key', table: 'keys', spoil: flipped(7) },
    { what: 'a lost key', table: 'keys', spoil: () => undefined },
    { what: 'a root', table: 'partitions', spoil: flipped(41) },
    { what: 'how many records of an entry are live', table: 'live', spoil: flipped(3) },
    { what: 'how many bytes of an entry are live', table: 'live', spoil: flipped(7) },
    { what: 'how many bytes an entry has', table: 'live', spoil: flipped(11) },
    { what: 'a lost share of an entry', table: 'live', spoil: () => undefined },
  ] as const)(
    'integrity: $what is found, and the index is made anew at the next start',
    async ({ table, spoil }) => {
      await using opened = new TestStore();
      await fill(opened.store);
      const before = summariesOf(opened.store);
      const folder = opened.dataDir;
      await opened.store.close();
      await change(folder, table, spoil);
      await opened.reopen();
      const { findings, isSound } = await lmdbStore(opened).verify();
      expect(isSound).toBe(false);
      expect(kindsOf(findings)).toContain('index');
      await opened.reopen();
      await opened.store.cleaned();
      expect(await lmdbStore(opened).verify()).toMatchObject({ isSound: true, records: 550 });
      expect(summariesOf(opened.store)).toEqual(before);
    },
  );

  test('integrity: an index that cannot be read is a finding, and ends neither the check nor the process', async () => {
    await using opened = new TestStore();
    await fill(opened.store);
    const folder = opened.dataDir;
    await opened.store.close();
    // A counter above all that there can be.
    await change(folder, 'blocks', (_, value) => {
      value[0] = 0x40;
      return value;
    });
    await opened.reopen();
    const { findings } = await lmdbStore(opened).verify();
    expect(findings).toContainEqual({
      kind: 'index',
      what: expect.stringMatching(/cannot be read in the index/),
    });
    await opened.reopen();
    await opened.store.cleaned();
    expect(await lmdbStore(opened).verify()).toMatchObject({ isSound: true, records: 550 });
  });

  test('index: an entry of which it says that nothing is live stays, as long as it points there', async () => {
    await using opened = new TestStore();
    const frames = counters(1, 60).map((counter) => frame(counter, 'v'));
    await opened.store.apply([groupOf('orders', frames)], []);
    await opened.store.cleaned();
    const folder = opened.dataDir;
    await opened.store.close();
    await change(folder, 'live', (_, value) => {
      // As if five were dead already: the last of the others that goes seems to be the last one.
      value.writeUInt32BE(value.readUInt32BE(0) - 5, 0);
      return value;
    });
    await opened.reopen();
    await opened.store.trim('orders', 55);
    await opened.store.cleaned();
    expect(framesOf(opened.store, 'orders')).toEqual(frames.slice(55));
    await opened.store.trim('orders', 60);
    await opened.store.cleaned();
    expect(await lmdbStore(opened).verify()).toMatchObject({ isSound: true, records: 0 });
  });

  test.each([
    ['blocks', (_: Buffer, value: Buffer) => value.subarray(0, value.length - 1)],
    ['live', (_: Buffer, value: Buffer) => value.subarray(0, 4)],
  ] as const)(
    'index: one into which what is above its watermark cannot be brought is made anew (table=%s)',
    async (table, spoil) => {
      await using opened = new TestStore();
      const frames = counters(1, 60).map((counter) => frame(counter, 'v'));
      await opened.store.apply([groupOf('orders', frames)], []);
      await opened.store.cleaned();
      // All of these take the place of others, or give way, in the last block of the index.
      const others = counters(50, 60).map((counter) => frame(counter, 'another'));
      await opened.store.apply([groupOf('orders', others)], []);
      const held = framesOf(opened.store, 'orders');
      using image = temporaryFolder();
      copyAsCrashed(opened.dataDir, image.path);
      await change(image.path, table, spoil);
      const told: string[] = [];
      const onDamage = (what: string) => void told.push(what);
      const store = LmdbStore.open({ dataDir: image.path, nodeId: 'n1', kernel, secret, onDamage });
      try {
        expect(told).toEqual([expect.stringMatching(/made anew/)]);
        expect(framesOf(store, 'orders')).toEqual(held);
        expect(await store.verify()).toMatchObject({ isSound: true, records: 60 });
      } finally {
        await store.close();
      }
    },
  );

  test.each([0.3, 0.6, 0.9])('index: one whose file is cut is made anew (left=%d)', async (left) => {
    await using opened = new TestStore();
    await fill(opened.store);
    const before = summariesOf(opened.store);
    await opened.reopen(() => {
      const path = join(indexFolder(opened.dataDir), 'data.mdb');
      truncateSync(path, Math.floor((statSync(path).size * left) / 4096) * 4096);
    });
    await opened.store.cleaned();
    expect(await lmdbStore(opened).verify()).toMatchObject({ isSound: true });
    expect(summariesOf(opened.store)).toEqual(before);
  });
});

describe('log: one that cannot be trusted', () => {
  const options = (dataDir: string, told: string[] = []) => ({
    dataDir,
    nodeId: 'n1',
    kernel,
    secret,
    onDamage: (what: string) => void told.push(what),
  });
  const cutTo = (share: number) => (path: string) =>
    truncateSync(path, Math.floor((statSync(path).size * share) / 4096) * 4096);

  test.each<[string, (path: string) => void]>([
    ['other bytes', (path) => writeFileSync(path, 'x'.repeat(9000))],
    ['half a page', (path) => writeFileSync(path, '\0'.repeat(2048))],
    ['cut to its first pages', (path) => truncateSync(path, 8192)],
    ['cut to a tenth', cutTo(0.1)],
    ['cut to a third', cutTo(0.34)],
  ])(
    'log: it is set aside, and the node begins without records under another store id (%s)',
    async (_, spoil) => {
      using folder = temporaryFolder();
      const store = openStore(options(folder.path));
      const { storeId } = store;
      await fill(store);
      await store.close();
      const path = join(folder.path, 'log/data.mdb');
      spoil(path);
      const spoilt = readFileSync(path);
      expect(() => LmdbStore.open(options(folder.path))).toThrow(
        expect.objectContaining({ code: 'LOG_DAMAGED' }),
      );
      const told: string[] = [];
      const wiped = openStore(options(folder.path, told));
      expect(told).toEqual([
        expect.stringMatching(/damaged.*set aside in .*store-1, and this node begins without/),
      ]);
      expect(wiped.partitions()).toEqual([]);
      expect(wiped.storeId).not.toBe(storeId);
      expect(await wiped.apply([groupOf('plain', [frame(1)])], [])).toMatchObject({ added: 1 });
      await wiped.close();
      const kept = readFileSync(join(folder.path, 'set-aside/store-1/log/data.mdb'));
      expect(kept.subarray(0, spoilt.length).equals(spoilt)).toBe(true);
      // It goes on as the one that it is now.
      const again = openStore(options(folder.path));
      expect(again.storeId).toBe(wiped.storeId);
      expect(framesOf(again, 'plain').map(hex)).toEqual([hex(frame(1))]);
      await again.close();
    },
  );

  test('log: a folder that loses its log again and again is refused', async () => {
    using folder = temporaryFolder();
    const spoil = () => writeFileSync(join(folder.path, 'log/data.mdb'), 'x'.repeat(9000));
    for (let times = 0; times < 3; times++) {
      await openStore(options(folder.path)).close();
      spoil();
    }
    await openStore(options(folder.path)).close();
    spoil();
    expect(() => openStore(options(folder.path))).toThrow(
      expect.objectContaining({
        code: 'LOG_DAMAGED',
        message: expect.stringMatching(/3 stores are set aside/),
      }),
    );
    expect(existsSync(join(folder.path, 'log/data.mdb'))).toBe(true);
  });

  test('log: where only the end of the file is cut, the records there are found to be damaged', async () => {
    using folder = temporaryFolder();
    const store = openStore(options(folder.path));
    const values = counters(1, 2000).map((counter) => frame(counter, `${counter} `.repeat(50)));
    for (let from = 0; from < values.length; from += 50)
      await store.apply([groupOf('plain', values.slice(from, from + 50))], []);
    await store.cleaned();
    await store.close();
    cutTo(0.9)(join(folder.path, 'log/data.mdb'));
    const reopened = openStore(options(folder.path));
    const { counts } = await reopened.verify();
    expect(counts.record).toBeGreaterThan(0);
    const given = framesOf(reopened, 'plain').map(hex);
    expect(given.length).toBe(2000 - counts.record);
    expect(values.map(hex)).toEqual(expect.arrayContaining(given));
    await reopened.apply([groupOf('plain', values)], []);
    expect(framesOf(reopened, 'plain').map(hex)).toEqual(values.map(hex));
    expectDigestsOf(reopened, 'plain', values);
    await reopened.close();
  });

  test('log: an entry of unknown records is set aside, and the others stay, under another store id', async () => {
    using folder = temporaryFolder();
    const store = openStore(options(folder.path));
    const { storeId } = store;
    const frames = counters(1, 30).map((counter) => frame(counter, `the value of ${counter}.`));
    for (const bytes of frames) await store.apply([groupOf('plain', [bytes])], []);
    await store.close();
    spoilTable(folder.path, frames[16] as Uint8Array, 'version');
    rmSync(join(folder.path, 'index'), { recursive: true });
    const told: string[] = [];
    const reopened = openStore(options(folder.path, told));
    expect(told).toEqual([expect.stringMatching(/^1 entries of the log are lost/)]);
    expect(reopened.storeId).not.toBe(storeId);
    expect(framesOf(reopened, 'plain').map(hex)).toEqual(frames.filter((_, i) => i !== 16).map(hex));
    expect(readdirSync(join(folder.path, 'set-aside'))).toEqual(['entry-17']);
    const { storeId: renewed } = reopened;
    await reopened.close();
    const again = openStore(options(folder.path));
    expect(again.storeId).toBe(renewed);
    await again.close();
  });

  test.each([
    ['no folder', (path: string) => rmSync(path, { recursive: true })],
    ['an empty file', (path: string) => truncateSync(join(path, 'data.mdb'), 0)],
  ])(
    'log: one that is gone takes the store id with it, and is not taken for an empty one (%s)',
    async (_, spoil) => {
      using folder = temporaryFolder();
      const store = openStore(options(folder.path));
      await fill(store);
      await store.close();
      spoil(join(folder.path, 'log'));
      // Whoever only wants to look changes nothing.
      expect(() => LmdbStore.open(options(folder.path))).toThrow(
        expect.objectContaining({
          code: 'LOG_DAMAGED',
          message: expect.stringMatching(/is gone: there is nothing in/),
        }),
      );
      const told: string[] = [];
      const wiped = openStore(options(folder.path, told));
      expect(told).toEqual([expect.stringMatching(/is gone.*begins without records$/)]);
      expect(wiped.storeId).not.toBe(store.storeId);
      expect(wiped.partitions()).toEqual([]);
      await wiped.close();
    },
  );

  test('log: one of another store is set aside with the rest', async () => {
    using folder = temporaryFolder();
    using other = temporaryFolder();
    for (const path of [folder.path, other.path]) {
      const store = openStore(options(path));
      await fill(store);
      await store.close();
    }
    rmSync(join(folder.path, 'log'), { recursive: true });
    cpSync(join(other.path, 'log'), join(folder.path, 'log'), { recursive: true });
    expect(() => LmdbStore.open(options(folder.path))).toThrow(
      expect.objectContaining({
        code: 'LOG_DAMAGED',
        message: expect.stringMatching(/another one than the store/),
      }),
    );
    const wiped = openStore(options(folder.path));
    expect(wiped.partitions()).toEqual([]);
    await wiped.apply([groupOf('plain', [frame(1)])], []);
    await wiped.close();
    const again = openStore(options(folder.path));
    expect(framesOf(again, 'plain').map(hex)).toEqual([hex(frame(1))]);
    await again.close();
  });
});
