// A partition as lines of JSON and back, on both engines: the same records and roots, and what is wrong with lines
// that are not those.
import {
  encodeFrame,
  LIMITS,
  type LogRecord,
  MemoryStore,
  originFromBits,
  putKey,
  ROW_BYTES,
  type Store,
} from '@mendlog/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { exportPartition, importPartition } from '../src/backup/index.js';
import { held } from './backed-up.js';
import { counters, frame, groupOf, version } from './records.js';
import { spoilFrames } from './spoil-frame.js';
import { hex } from './store-digests.js';
import { temporaryFolder } from './temporary-folder.js';
import { kernel, openStore, TestStore, tagKeyOf } from './test-store.js';

/** The engines that stand behind the storage port. */
const ENGINES = ['LMDB', 'memory'] as const;

function newStore(engine: (typeof ENGINES)[number]): AsyncDisposable & { readonly store: Store } {
  if (engine === 'LMDB') return new TestStore();
  const store = new MemoryStore({ storeId: 'in memory', kernel, tagKeyOf });
  return { store, [Symbol.asyncDispose]: () => store.close() };
}

async function textOf(chunks: AsyncIterable<string>): Promise<string> {
  let text = '';
  for await (const chunk of chunks) text += chunk;
  return text;
}

/** The store's partition in pieces that have nothing to do with its lines. */
function* piecesOf(text: string, bytes: number): Generator<Uint8Array> {
  const all = Buffer.from(text);
  for (let at = 0; at < all.length; at += bytes) yield all.subarray(at, at + bytes);
}

const anyVersion = fc.record({
  counter: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 2 ** 38 })),
  origin: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(originFromBits),
});
const anyValue = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.constant(Buffer.from('a\nline\r\n')));
const anyText = fc
  .oneof(
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
    fc.constantFrom('"', '\n', '\u2028', '\0', '😀', 'é'),
  )
  .filter((text) => isKey(text));
const anyTime = fc.oneof(fc.integer({ min: 0, max: 5 }), fc.constant(Number.MAX_SAFE_INTEGER));
const anyRecord: fc.Arbitrary<LogRecord> = fc.oneof(
  fc.record({ version: anyVersion, timeMs: anyTime, value: anyValue }),
  fc.record({ version: anyVersion, timeMs: anyTime, value: anyValue, key: anyText }),
  fc.record({
    ...{ version: anyVersion, timeMs: anyTime, key: anyText },
    ...{ value: fc.constant(new Uint8Array(0)), tombstone: fc.constant(true as const) },
  }),
  fc.record({
    ...{ version: anyVersion, timeMs: anyTime, value: anyValue },
    append: fc.record({
      id: fc.uint8Array({ minLength: 16, maxLength: 16 }),
      attempt: fc.integer({ min: 0, max: 255 }),
    }),
  }),
);

function isKey(text: string): boolean {
  try {
    return putKey(text).length > 0;
  } catch {
    return false;
  }
}

describe('export and import', () => {
  test.each(ENGINES.flatMap((from) => ENGINES.map((to) => [from, to] as const)))(
    'export: what is imported again is the same, and a second time adds nothing (from=%s, to=%s)',
    async (from, to) => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(anyRecord, { maxLength: 30 }),
          fc.integer({ min: 1, max: 500 }),
          fc.nat(30),
          async (records, pieceBytes, trimmedTo) => {
            await using source = newStore(from);
            await using target = newStore(to);
            await source.store.apply([groupOf('p', records.map(encodeFrame)), groupOf('q', [frame(1)])], []);
            await source.store.trim('p', trimmedTo + 1);
            const text = await textOf(exportPartition(source.store, 'p'));
            const { records: count = 0, head = 0, trimmedTo: trimmed = 0 } = source.store.summary('p') ?? {};
            const lines = text.split('\n');
            expect(JSON.parse(lines[0] ?? '')).toEqual({
              ...{ mendlog: 'partition', format: 1, partition: 'p', head, trimmedTo: trimmed },
            });
            expect(lines.slice(-2)).toEqual([JSON.stringify({ end: true, records: count }), '']);
            expect(lines).toHaveLength(count + 3);
            const result = { partition: 'p', records: count, trimmedTo: 0, fencedTo: 0 };
            expect(await importPartition(target.store, piecesOf(text, pieceBytes))).toEqual({
              ...{ ...result, added: count },
            });
            const frames = (store: Store) =>
              held(store).find(({ partition }) => partition === 'p')?.frames ?? [];
            expect(frames(target.store)).toEqual(frames(source.store));
            const root = (store: Store) => hex(store.summary('p')?.root ?? new Uint8Array(ROW_BYTES));
            expect(root(target.store)).toBe(root(source.store));
            expect(await importPartition(target.store, piecesOf(text, pieceBytes))).toEqual({
              ...result,
              added: 0,
            });
          },
        ),
        { numRuns: 25 },
      );
    },
    60_000,
  );

  test('export: the lines of every kind of record', async () => {
    await using opened = newStore('memory');
    const value = Buffer.from('red');
    const id = Uint8Array.from({ length: 16 }, (_, i) => i);
    const records: LogRecord[] = [
      { version: version(1), timeMs: 1764115200000, value },
      { version: version(2), timeMs: 2, key: 'colour', value },
      { version: version(3), timeMs: 3, key: 'shape', tombstone: true, value: new Uint8Array(0) },
      { version: version(4), timeMs: 4, append: { id, attempt: 7 }, value: new Uint8Array(0) },
    ];
    await opened.store.apply([groupOf('events', records.map(encodeFrame))], []);
    expect(await textOf(exportPartition(opened.store, 'events'))).toBe(
      [
        '{"mendlog":"partition","format":1,"partition":"events","head":4,"trimmedTo":0}',
        '{"version":"1-0000000000001","timeMs":1764115200000,"value":"cmVk"}',
        '{"version":"2-0000000000001","timeMs":2,"key":"colour","value":"cmVk"}',
        '{"version":"3-0000000000001","timeMs":3,"key":"shape","tombstone":true,"value":""}',
        '{"version":"4-0000000000001","timeMs":4,"append":{"id":"000102030405060708090a0b0c0d0e0f","attempt":7},"value":""}',
        '{"end":true,"records":4}',
        '',
      ].join('\n'),
    );
  });

  test('export: pages of records as large as they may be, and of many small ones (records=12, 5000)', async () => {
    await using source = new TestStore();
    await using target = new TestStore();
    const large = counters(1, 12).map((counter) =>
      encodeFrame({
        ...{
          version: version(counter),
          timeMs: 1,
          key: '\0'.repeat(LIMITS.keyBytesMax - 2) + counter.toString(36).padStart(2, '0'),
        },
        value: Buffer.alloc(LIMITS.valueBytesMax, counter),
      }),
    );
    for (const bytes of large) await source.store.apply([groupOf('large', [bytes])], []);
    for (let first = 1; first <= 5000; first += 1000)
      await source.store.apply(
        [
          groupOf(
            'small',
            counters(first, first + 999).map((counter) => frame(counter, String(counter))),
          ),
        ],
        [],
      );
    const seen: number[] = [];
    for (const [partition, records] of [
      ['large', 12],
      ['small', 5000],
    ] as const) {
      const lines = exportPartition(source.store, partition, { onProgress: (count) => seen.push(count) });
      const onProgress = (count: number) => seen.push(count);
      expect(await importPartition(target.store, lines, { onProgress })).toEqual({
        ...{ partition, records, added: records, trimmedTo: 0, fencedTo: 0 },
      });
      expect(seen.at(-1)).toBe(records);
    }
    expect(held(target.store)).toEqual(held(source.store));
  });

  test('export: a partition that is not there', async () => {
    await using opened = new TestStore();
    await expect(textOf(exportPartition(opened.store, 'p'))).rejects.toEqual(
      expect.objectContaining({ code: 'NOT_FOUND' }),
    );
  });

  test.each([
    ['some', [1, 2, 1500, 2999, 3000]],
    ['a whole page', counters(1025, 2048)],
    ['all', counters(1, 3000)],
  ])(
    'export: records that the disk has changed are counted, and the rest is there (damaged=%s)',
    async (_, damaged) => {
      using folder = temporaryFolder();
      let store = openStore(folder.path);
      const frames = counters(1, 3000).map((counter) => frame(counter, `value ${counter};`.padEnd(40)));
      await store.apply([groupOf('p', frames)], []);
      await store.close();
      const isDamaged = new Set(damaged);
      spoilFrames(
        folder.path,
        frames.filter((_, i) => isDamaged.has(i + 1)),
        40,
      );
      store = openStore(folder.path);
      let text = '';
      const exported = (async () => {
        for await (const chunk of exportPartition(store, 'p')) text += chunk;
      })();
      const records = 3000 - damaged.length;
      await expect(exported).rejects.toEqual(
        expect.objectContaining({
          code: 'MALFORMED',
          message: expect.stringContaining(
            `${damaged.length} of 3000 records of p do not match their digests`,
          ),
          details: { damaged: damaged.length, records },
        }),
      );
      await store.close();
      await using target = new TestStore();
      await expect(importPartition(target.store, [text])).rejects.toThrow(
        `the last line is missing: the export was cut after ${records} records`,
      );
      expect(target.store.summary('p')?.records ?? 0).toBe(records);
    },
  );

  test('export: large records that the disk has changed, more than a page has room for (damaged=6 of 8)', async () => {
    using folder = temporaryFolder();
    let store = openStore(folder.path);
    const frames = counters(1, 8).map((counter) =>
      frame(counter, String(counter).repeat(LIMITS.valueBytesMax)),
    );
    for (const bytes of frames) await store.apply([groupOf('p', [bytes])], []);
    await store.close();
    spoilFrames(
      folder.path,
      frames.slice(0, 6).map((bytes) => bytes.subarray(0, 200)),
      40,
    );
    store = openStore(folder.path);
    await expect(textOf(exportPartition(store, 'p'))).rejects.toEqual(
      expect.objectContaining({ details: { damaged: 6, records: 2 } }),
    );
    await store.close();
  });
});

const HEADER = '{"mendlog":"partition","format":1,"partition":"p","head":2,"trimmedTo":0}';
const ONE = '{"version":"1-0000000000001","timeMs":1,"value":"YQ=="}';
const TWO = '{"version":"2-0000000000001","timeMs":2,"key":"k","value":"Yg=="}';
const END = '{"end":true,"records":2}';

/** A record's line with other fields. */
function line(fields: object): string {
  return JSON.stringify({ version: '2-0000000000001', timeMs: 2, value: 'Yg==', ...fields });
}

describe('import', () => {
  test.each<[what: string, lines: readonly string[], number: number, message: string]>([
    ['nothing at all', [], 1, 'there is none: the first line names the partition'],
    ['no header', [ONE, TWO, END], 1, 'mendlog: '],
    ['a name that is none', [HEADER.replace('"p"', '".."'), END], 1, 'a partition name has'],
    ['cut behind the header', [HEADER], 2, 'the last line is missing: the export was cut after 0 records'],
    [
      'cut behind a record',
      [HEADER, ONE, TWO],
      4,
      'the last line is missing: the export was cut after 2 records',
    ],
    ['cut within a record', [HEADER, ONE, TWO.slice(0, -9)], 3, 'it is not JSON'],
    ['cut within the last line', [HEADER, ONE, TWO, END.slice(0, -1)], 4, 'it is not JSON'],
    ['a record too few', [HEADER, TWO, END], 3, 'it counts 2 records, and there are 1'],
    ['a record behind the end', [HEADER, ONE, TWO, END, ONE], 5, 'nothing follows the last line, which is 4'],
    ['a second header', [HEADER, HEADER, END], 2, 'version: '],
    ['an empty line', [HEADER, '', ONE, TWO, END], 2, 'it is not JSON'],
    ['no object', [HEADER, '7', END], 2, ''],
    ['a field that is none', [HEADER, line({ colour: 'red' }), END], 2, ''],
    ['no version', [HEADER, line({ version: undefined }), END], 2, 'version: '],
    ['a counter alone', [HEADER, line({ version: '2' }), END], 2, '2 is no full version'],
    [
      'the counter 0',
      [HEADER, line({ version: '0-0000000000001' }), END],
      2,
      '0-0000000000001 is no full version',
    ],
    ['an origin that is none', [HEADER, line({ version: '2-u' }), END], 2, 'a record id is a counter'],
    ['a time that is none', [HEADER, line({ timeMs: -1 }), END], 2, 'timeMs: '],
    ['a value that is not base64', [HEADER, line({ value: 'Yg' }), END], 2, 'its value is not in base64'],
    ['a value with more', [HEADER, line({ value: 'Yh==' }), END], 2, 'its value is not in base64'],
    ['an empty key', [HEADER, line({ key: '' }), END], 2, 'a key is text of 1 to 1024 bytes'],
    [
      'half a character as key',
      [HEADER, line({ key: '\ud800' }), END],
      2,
      'a key is text of 1 to 1024 bytes',
    ],
    [
      'a tombstone with a value',
      [HEADER, line({ key: 'k', tombstone: true }), END],
      2,
      'a tombstone has a key',
    ],
    [
      'a tombstone of nothing',
      [HEADER, line({ tombstone: true, value: '' }), END],
      2,
      'a tombstone has a key',
    ],
    [
      'two keys',
      [HEADER, line({ key: 'k', append: { id: '0'.repeat(32), attempt: 0 } }), END],
      2,
      'a record has one key',
    ],
    ['a short append key', [HEADER, line({ append: { id: '00', attempt: 0 } }), END], 2, 'append.id: '],
    [
      'too high an attempt',
      [HEADER, line({ append: { id: '0'.repeat(32), attempt: 256 } }), END],
      2,
      'append.attempt: ',
    ],
    [
      'a value too long',
      [HEADER, line({ value: 'AAAA'.repeat(349526) }), END],
      2,
      'a frame is longer than any record',
    ],
  ])('import: a bad line is refused and named (%s)', async (_, lines, number, message) => {
    await using opened = newStore('memory');
    const text = lines.map((one) => `${one}\n`).join('');
    for (const pieceBytes of [7, 1 << 24]) {
      await expect(importPartition(opened.store, piecesOf(text, pieceBytes))).rejects.toEqual(
        expect.objectContaining({
          ...{ code: 'MALFORMED', details: { line: number } },
          message: expect.stringContaining(`line ${number}: ${message}`.slice(0, 60)),
        }),
      );
    }
    expect(opened.store.summary('p')?.records ?? 0).toBeLessThanOrEqual(2);
  });

  test('import: what is not UTF-8, and a line without an end, are refused', async () => {
    await using opened = newStore('memory');
    const bad = Buffer.concat([
      Buffer.from(`${HEADER}\n{"version":"`),
      Buffer.from([0xff]),
      Buffer.from('"}\n'),
    ]);
    await expect(importPartition(opened.store, [bad])).rejects.toThrow('line 2: it is not UTF-8');
    let given = 0;
    function* endless() {
      yield `${HEADER}\n`;
      for (; ; given++) yield ' '.repeat(65_536);
    }
    await expect(importPartition(opened.store, endless())).rejects.toThrow(
      /^line 2: it is longer than [0-9]+ bytes$/,
    );
    expect(given).toBeLessThan(50);
  });

  test('import: a later format and another partition are refused before anything is applied', async () => {
    await using opened = newStore('memory');
    const text = [HEADER, ONE, TWO, END].join('\n');
    await expect(importPartition(opened.store, [text.replace('"format":1', '"format":2')])).rejects.toEqual(
      expect.objectContaining({ code: 'FORMAT_UNKNOWN' }),
    );
    await expect(importPartition(opened.store, [text], { partition: 'q' })).rejects.toEqual(
      expect.objectContaining({ code: 'BAD_REQUEST', message: 'the export is of partition p, not of q' }),
    );
    expect(opened.store.partitions()).toEqual([]);
    expect(await importPartition(opened.store, [text], { partition: 'p' })).toMatchObject({ added: 2 });
  });

  test('import: what was applied before a bad line stays, and the rest comes with the next import', async () => {
    await using opened = new TestStore();
    const lines = counters(1, 10_000).map((counter) =>
      JSON.stringify({ version: `${counter}-0000000000001`, timeMs: 1, value: 'YQ==' }),
    );
    const end = '{"end":true,"records":10000}';
    const bad = [HEADER, ...lines.slice(0, 9000), '{}', ...lines.slice(9001), end].join('\n');
    await expect(importPartition(opened.store, [bad])).rejects.toThrow('line 9002: ');
    const before = opened.store.summary('p')?.records ?? 0;
    expect(before).toBe(2 * LIMITS.batchRecordsMax);
    const good = [HEADER, ...lines, end].join('\n');
    expect(await importPartition(opened.store, [good])).toMatchObject({
      records: 10_000,
      added: 10_000 - before,
    });
  });

  test('import: what is trimmed here is left out, and told', async () => {
    await using opened = new TestStore();
    await opened.store.trim('p', 1);
    expect(await importPartition(opened.store, [[HEADER, ONE, TWO, END].join('\n')])).toEqual({
      ...{ partition: 'p', records: 2, added: 1, trimmedTo: 1, fencedTo: 0 },
    });
  });

  test('import: what comes after a fence is left out, and told', async () => {
    await using opened = new TestStore();
    await opened.store.fence('p', 1, 0);
    expect(await importPartition(opened.store, [[HEADER, ONE, TWO, END].join('\n')])).toEqual({
      ...{ partition: 'p', records: 2, added: 1, trimmedTo: 0, fencedTo: 1 },
    });
  });

  test('import: waits for each batch before it reads on (batches=4)', async () => {
    const waiting: (() => void)[] = [];
    let applied = 0;
    await using opened = newStore('memory');
    const slow: Pick<Store, 'apply'> = {
      apply: async (groups, hints) => {
        applied++;
        await new Promise<void>((resolve) => waiting.push(resolve));
        return await opened.store.apply(groups, hints);
      },
    };
    let read = 0;
    function* lines() {
      yield `${HEADER}\n`;
      for (read = 1; read <= 4 * LIMITS.batchRecordsMax; read++)
        yield `{"version":"${read}-0000000000001","timeMs":1,"value":""}\n`;
      yield `{"end":true,"records":${4 * LIMITS.batchRecordsMax}}\n`;
    }
    const done = importPartition(slow as Store, lines());
    for (let batch = 1; batch <= 4; batch++) {
      await expect.poll(() => waiting.length).toBe(1);
      expect({ applied, read }).toEqual({ applied: batch, read: batch * LIMITS.batchRecordsMax });
      waiting.pop()?.();
    }
    expect(await done).toMatchObject({ added: 4 * LIMITS.batchRecordsMax });
  });
});
