// Keys that the disk has changed, under an index that is made anew from what it has: nobody gets another's record by them.
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { appendKey, putKey, type RecordKey } from '@mendlog/core';
import { expect, test } from 'vitest';
import type { LmdbStore } from '../src/storage/lmdb-store.js';
import { frameOf, groupOf } from './records.js';
import { spoilFrame } from './spoil-frame.js';
import { framesOf, hex, UNBOUNDED } from './store-digests.js';
import { TestStore } from './test-store.js';

/** Of a frame: behind its header and the length of its key, or the attempt. */
const LAST_KEY_BYTE_AT = { put: 26 + 2 + 4, append: 26 + 1 + 15 };

const id = (last: number) => Uint8Array.from({ length: 16 }, (_, i) => (i === 15 ? last : 0));
const kinds = {
  put: {
    own: { keyed: { key: 'user1' }, key: putKey('user1') },
    // What one bit makes of it.
    other: { keyed: { key: 'userq' }, key: putKey('userq') },
  },
  append: {
    own: { keyed: { append: { id: id(1), attempt: 0 } }, key: appendKey(id(1)) },
    other: { keyed: { append: { id: id(0x41), attempt: 0 } }, key: appendKey(id(0x41)) },
  },
} as const;

async function spoilAndLoseTheIndex(opened: TestStore, bytes: Uint8Array, at: number): Promise<void> {
  await opened.reopen(() => {
    spoilFrame(opened.dataDir, bytes, at);
    const index = join(opened.dataDir, 'index');
    for (const name of readdirSync(index)) rmSync(join(index, name), { recursive: true });
  });
}

test.each(['put', 'append'] as const)(
  'damaged keys: a record that comes again has its own key, and not what the disk made of it (%s)',
  async (kind) => {
    await using opened = new TestStore();
    const { own, other } = kinds[kind];
    const first = frameOf(1, 'the value of one', own.keyed);
    await opened.store.apply([groupOf('p', [first])], []);
    await opened.store.cleaned();
    await spoilAndLoseTheIndex(opened, first, LAST_KEY_BYTE_AT[kind]);
    const held = (key: RecordKey) => opened.store.readKeys('p', [key], UNBOUNDED).map(hex);
    expect(held(other.key)).toEqual([]);

    await opened.store.apply([groupOf('p', [first])], [], 'repair');
    expect([held(own.key), held(other.key)]).toEqual([[hex(first)], []]);
    await opened.store.cleaned();
    expect([held(own.key), held(other.key)]).toEqual([[hex(first)], []]);

    const second = frameOf(2, 'the value of another', other.keyed);
    await opened.store.apply([groupOf('p', [second])], []);
    await opened.store.cleaned();
    expect([held(own.key), held(other.key)]).toEqual([[hex(first)], [hex(second)]]);
    expect(framesOf(opened.store, 'p').map(hex)).toEqual([first, second].map(hex));
    expect((await (opened.store as LmdbStore).verify()).findings).toEqual([]);
  },
);
