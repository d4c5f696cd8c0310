// Reading in the order of arrival over damage; what holds for every engine is in the conformance suite.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { counters, frame, groupOf } from './records.js';
import { spoilFrame, spoilTables } from './spoil-frame.js';
import { hex } from './store-digests.js';
import { TestStore } from './test-store.js';

const WIDE = { recordsMax: 1000, bytesMax: 1_000_000 };

test('tail: a record that the disk has changed is left out, and comes when it arrives again', async () => {
  await using opened = new TestStore();
  const frames = counters(1, 20).map((counter) => frame(counter, `the value of ${counter}`));
  await opened.store.apply([groupOf('a', frames)], []);
  await opened.reopen(() => spoilFrame(opened.dataDir, frames[4] as Uint8Array, 30));
  const page = opened.store.tail(WIDE);
  expect(page.records.map(({ frame }) => hex(frame))).toEqual(frames.filter((_, i) => i !== 4).map(hex));
  await opened.store.apply([groupOf('a', frames)], []);
  const { records } = opened.store.tail({ ...WIDE, after: page.cursor });
  expect(records.map(({ frame }) => hex(frame))).toEqual([hex(frames[4] as Uint8Array)]);
});

test('tail: a cursor finds what comes after everything was trimmed and the index was made anew', async () => {
  await using opened = new TestStore();
  for (const counter of counters(1, 50)) await opened.store.apply([groupOf('a', [frame(counter)])], []);
  const { cursor } = opened.store.tail(WIDE);
  await opened.store.trim('a', 50);
  await opened.store.cleaned();
  await opened.reopen(() => rmSync(join(opened.dataDir, 'index'), { recursive: true }));
  for (const counter of counters(51, 60)) await opened.store.apply([groupOf('a', [frame(counter)])], []);
  const { records, atEnd } = opened.store.tail({ ...WIDE, after: cursor });
  expect({ records: records.length, atEnd }).toEqual({ records: 10, atEnd: true });
});

test('tail: a cursor passes entries that cannot be read, however many (entries=1100)', async () => {
  await using opened = new TestStore();
  const frames = counters(1, 1105).map((counter) => frame(counter, `value ${counter}.`));
  await Promise.all(frames.map((bytes) => opened.store.apply([groupOf('a', [bytes])], [])));
  await opened.store.cleaned();
  await opened.reopen(() => spoilTables(opened.dataDir, frames.slice(0, 1100)));
  const first = opened.store.tail(WIDE);
  expect({ records: first.records.length, atEnd: first.atEnd }).toEqual({ records: 0, atEnd: false });
  const second = opened.store.tail({ ...WIDE, after: first.cursor });
  expect(second.records.map(({ frame }) => hex(frame))).toEqual(frames.slice(1100).map(hex));
  expect(second.atEnd).toBe(true);
});
