// Records of a page that others have replaced, and what takes their place.
import { describe, expect, test } from 'vitest';
import { doubtfulKeys, withoutSuperseded } from '../src/quorum/superseded.js';
import { encodeFrame, frameVersion, type LogRecord } from '../src/record.js';
import { appendKey, putKey } from '../src/record-key.js';
import { originFromBits } from '../src/version.js';

const APPEND_ID = new Uint8Array(16).fill(7);

const versionOf = (counter: number) => ({ counter, origin: originFromBits(1n) });

function frameOf(
  counter: number,
  keyed: Partial<Pick<LogRecord, 'key' | 'append' | 'tombstone'>>,
): Uint8Array {
  return encodeFrame({ version: versionOf(counter), timeMs: 1, value: new Uint8Array(0), ...keyed });
}

const countersOf = (frames: readonly Uint8Array[]) => frames.map((frame) => frameVersion(frame).counter);
const anywhere = () => true;

describe('superseded', () => {
  test('superseded: keys are in doubt where a replica lacks a record, each once, and none without a key', () => {
    const frames = [
      frameOf(1, {}),
      frameOf(2, { key: 'a' }),
      frameOf(3, { key: 'b' }),
      frameOf(4, { key: 'b' }),
      frameOf(5, { append: { id: APPEND_ID, attempt: 0 } }),
    ];
    expect(doubtfulKeys(frames, new Map())).toEqual([]);
    const missing = new Map([
      ['n1', [versionOf(1), versionOf(3)]],
      ['n2', [versionOf(4), versionOf(5)]],
    ]);
    expect(doubtfulKeys(frames, missing)).toEqual([putKey('b'), appendKey(APPEND_ID)]);
  });

  test('superseded: of a key only the newest stays, whether it was listed or found', () => {
    const key = putKey('a');
    const listed = [frameOf(2, { key: 'a' }), frameOf(3, {}), frameOf(5, { key: 'a' })];
    const pageWith = (frame: Uint8Array | undefined) =>
      countersOf(withoutSuperseded(listed, [{ key, frame }], anywhere));
    expect(pageWith(frameOf(9, { key: 'a' }))).toEqual([3, 9]);
    expect(pageWith(frameOf(4, { key: 'a', tombstone: true }))).toEqual([3, 5]);
    // Its tombstone is purged: whoever listed it did so before.
    expect(pageWith(undefined)).toEqual([3]);
  });

  test('superseded: what belongs on another page is not shown on this one', () => {
    const listed = [frameOf(2, { key: 'a' }), frameOf(3, {})];
    const found = [{ key: putKey('a'), frame: frameOf(9, { key: 'a' }) }];
    const page = withoutSuperseded(listed, found, ({ counter }) => counter < 9);
    expect(countersOf(page)).toEqual([3]);
  });

  test('superseded: of an append the highest attempt stays, also at a lower version', () => {
    const listed = [frameOf(4, {}), frameOf(5, { append: { id: APPEND_ID, attempt: 0 } })];
    const frame = frameOf(3, { append: { id: APPEND_ID, attempt: 2 } });
    const page = withoutSuperseded(listed, [{ key: appendKey(APPEND_ID), frame }], anywhere);
    expect(countersOf(page)).toEqual([3, 4]);
  });
});
