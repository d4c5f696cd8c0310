// Who holds append keys, page by page, against a map.
import fc from 'fast-check';
import { open } from 'lmdb';
import { expect, test } from 'vitest';
import { AppendPages } from '../src/storage/append-pages.js';
import { IndexWrites } from '../src/storage/index-writes.js';
import type { IndexedClaim } from '../src/storage/keys.js';
import { EntryWriter, type LogEntry } from '../src/storage/log-entry.js';
import { frameOf, groupOf, version } from './records.js';
import { temporaryFolder } from './temporary-folder.js';
import { kernel, tagKeyOf } from './test-store.js';

/** Ids of partitions; those beside the one that is looked at must be left alone. */
const PARTITIONS = [6, 7, 8];
/** Of keys: enough for several pages. */
const SPACE = 400;

const idOf = (number: number) => Buffer.from(number.toString(16).padStart(32, '0'), 'hex');
const textOf = (number: number) => `\u0002${idOf(number).toString('latin1')}`;

const anyChange = fc.record({
  keys: fc.uniqueArray(fc.nat(SPACE), { minLength: 1, maxLength: 120 }),
  isRemoved: fc.boolean(),
});
/** Runs of keys above all that there were, each behind a gap. */
const anyAppends = fc.array(
  fc.record({ gap: fc.integer({ min: 1, max: 9 }), keys: fc.integer({ min: 1, max: 70 }) }),
  { minLength: 1, maxLength: 3 },
);
const anyStep = fc.record({
  partition: fc.constantFrom(...PARTITIONS),
  what: fc.oneof(anyChange, anyAppends),
});

test('append pages: any appends and changes, as a map has them (partitions=3)', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { minLength: 1, maxLength: 12 }), async (steps) => {
      using folder = temporaryFolder();
      const { environment, table, pages } = openPages(folder.path);
      try {
        const writer = new EntryWriter(kernel, 'test');
        const expected = new Map(PARTITIONS.map((id) => [id, new Map<string, IndexedClaim>()]));
        let highest = SPACE;
        let counter = 0;
        for (const { partition, what } of steps) {
          const held = expected.get(partition) ?? new Map();
          const writes = new IndexWrites();
          if (Array.isArray(what)) {
            const runs = what.map(({ gap, keys }) => {
              const numbers = Array.from({ length: keys }, (_, i) => highest + gap + i);
              highest = numbers.at(-1) ?? highest;
              const entry = entryOf(writer, numbers, counter);
              for (const [i, number] of numbers.entries()) held.set(textOf(number), claimIn(entry, i));
              counter += keys;
              return { arrival: 1, entry, from: 0, to: keys };
            });
            pages.append(writes, partition, runs);
          } else {
            const changes = what.keys.map((number) => {
              counter++;
              const claim = what.isRemoved
                ? undefined
                : { version: version(counter), attempt: number % 256, mark: counter };
              if (claim === undefined) held.delete(textOf(number));
              else held.set(textOf(number), claim);
              return [textOf(number), claim] as const;
            });
            pages.change(writes, partition, changes);
          }
          environment.transactionSync(() => writes.run());
          for (const id of PARTITIONS) {
            const all = [...(expected.get(id) ?? [])]
              .sort(([a], [b]) => (a < b ? -1 : 1))
              .map(([key, claim]) => ({ key, claim }));
            expect(pages.after(id, '', Number.POSITIVE_INFINITY)).toEqual(all);
            const middle = all[Math.floor(all.length / 2)]?.key ?? textOf(0);
            expect(pages.after(id, middle, 3)).toEqual(all.filter(({ key }) => key > middle).slice(0, 3));
          }
          for (let number = 0; number <= highest + 1; number++)
            expect(pages.holder(partition, textOf(number))).toEqual(held.get(textOf(number)));
        }
        for (const value of table.getRange().map(({ value }) => value)) {
          expect(value.length).toBeGreaterThan(0);
          expect(value.length).toBeLessThanOrEqual(50 * 39);
        }
      } finally {
        await environment.close();
      }
    }),
    { numRuns: 40 },
  );
});

test('append pages: appends fill a page before they begin another (steps=100, keys=1)', async () => {
  using folder = temporaryFolder();
  const { environment, table, pages } = openPages(folder.path);
  const writer = new EntryWriter(kernel, 'test');
  for (let number = 1; number <= 100; number++) {
    const writes = new IndexWrites();
    pages.append(writes, 7, [{ arrival: 1, entry: entryOf(writer, [number], number), from: 0, to: 1 }]);
    environment.transactionSync(() => writes.run());
  }
  expect([...table.getRange()].map(({ value }) => value.length / 39)).toEqual([50, 50]);
  await environment.close();
});

function openPages(path: string) {
  const environment = open({ path, maxDbs: 1, noSync: true });
  const table = environment.openDB<Buffer, Buffer>({
    name: 'appends',
    keyEncoding: 'binary',
    encoding: 'binary',
  });
  return { environment, table, pages: new AppendPages(table) };
}

/** An entry of records with these append keys, of ascending counters. */
function entryOf(writer: EntryWriter, numbers: readonly number[], after: number): LogEntry {
  const frames = numbers.map((number, i) =>
    frameOf(after + 1 + i, '', { append: { id: idOf(number), attempt: number % 256 } }),
  );
  const group = groupOf('p', frames);
  return writer.write([
    { of: { state: { id: 7, tagKey: tagKeyOf('p') }, group }, from: 0, to: numbers.length },
  ]);
}

function claimIn(entry: LogEntry, place: number): IndexedClaim {
  const mark = Buffer.from(entry.tag(place)).readUIntBE(0, 6);
  return { version: entry.version(place), attempt: entry.key(place).attempt, mark };
}
