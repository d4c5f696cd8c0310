// Reading in the order of arrival over damage; what holds for every engine is in the conformance suite.
import { expect, test } from 'vitest';
import { counters, frame, groupOf } from './records.js';
import { spoilFrame } from './spoil-frame.js';
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
