import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MendlogError } from '../src/errors.js';
import { LIMITS } from '../src/limits.js';
import {
  decodePacked,
  encodeDrafts,
  encodePacked,
  itemAt,
  itemsOf,
  type PackedGroup,
  packItems,
} from '../src/protocol/packed.js';
import { draftFloor, draftOf, encodeDraft } from '../src/record.js';
import { fromHex, hex, utf8 } from './bytes.js';

const GROUPS = [packItems('orders', [utf8('a'), new Uint8Array(0), utf8('bcd')]), packItems('x', [])];
// format | groups | name | items, lengths | bytes | name | no items
const GOLDEN =
  '01' +
  '00000002' +
  '066f7264657273' +
  '00000003000000010000000000000003' +
  '61626364' +
  '0178' +
  '00000000';

const contentOf = (groups: readonly PackedGroup[]) =>
  groups.map((group) => [group.partition, ...[...itemsOf(group)].map(hex)]);

function u32(value: number): string {
  return value.toString(16).padStart(8, '0');
}

describe('packed groups', () => {
  test('packed groups: golden, since peers and clients exchange them', () => {
    expect(hex(encodePacked(GROUPS))).toBe(GOLDEN);
    expect(contentOf(decodePacked(fromHex(GOLDEN)))).toEqual([['orders', '61', '', '626364'], ['x']]);
    expect(hex(encodePacked([]))).toBe('0100000000');
    expect(decodePacked(fromHex('0100000000'))).toEqual([]);
  });

  test('packed groups: drafts lie in them as they do one by one (random drafts)', () => {
    const value = fc.uint8Array({ maxLength: 40 });
    const key = fc.stringMatching(/^[a-z]{1,9}$/);
    const record = fc.oneof(fc.record({ value }), fc.record({ value, key }));
    const group = fc.tuple(fc.stringMatching(/^[A-Za-z0-9_-]{1,30}$/), fc.array(record, { maxLength: 9 }));
    fc.assert(
      fc.property(fc.array(group, { maxLength: 6 }), (groups) => {
        const drafts = groups.map(([partition, records]) => ({
          partition,
          drafts: records.map(draftOf),
          floor: 0,
        }));
        const frames = groups.map(([name, records]) => packItems(name, records.map(encodeDraft)));
        expect(hex(encodeDrafts(drafts))).toBe(hex(encodePacked(frames)));
      }),
    );
  });

  test('packed groups: the first draft of a group carries the counter that versions are to be above', () => {
    const drafts = [draftOf({ value: utf8('a') }), draftOf({ value: utf8('b') })];
    const packed = encodeDrafts([
      { partition: 'x', drafts, floor: 2 ** 40 + 7 },
      { partition: 'y', drafts: [], floor: 3 },
      { partition: 'z', drafts, floor: 0 },
    ]);
    const floors = decodePacked(packed).map((group) =>
      [...itemsOf(group)].map((item) =>
        draftFloor(new DataView(item.buffer, item.byteOffset, item.length), 0),
      ),
    );
    expect(floors).toEqual([[2 ** 40 + 7, 0], [], [0, 0]]);
  });

  test('packed groups: items by index are those by iteration, and views on the same bytes', () => {
    const [group] = decodePacked(fromHex(GOLDEN));
    if (group === undefined) throw new Error('there are two groups');
    expect([0, 1, 2].map((i) => hex(itemAt(group, i)))).toEqual([...itemsOf(group)].map(hex));
    expect(itemAt(group, 0).buffer).toBe(group.bytes.buffer);
  });

  test('packed groups: any groups come back as they went (random groups)', () => {
    const group = fc.tuple(
      fc.stringMatching(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}$/),
      fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 12 }),
    );
    fc.assert(
      fc.property(fc.array(group, { maxLength: 6 }), fc.nat(7), (groups, offset) => {
        const packed = encodePacked(groups.map(([name, items]) => packItems(name, items)));
        const expected = groups.map(([name, items]) => [name, ...items.map(hex)]);
        expect(contentOf(decodePacked(packed))).toEqual(expected);
        // In the middle of a longer buffer, as a message carries them.
        const message = new Uint8Array(offset + packed.length + 2);
        message.set(packed, offset);
        expect(contentOf(decodePacked(message.subarray(offset, offset + packed.length)))).toEqual(expected);
      }),
    );
  });

  test('packed groups: cut anywhere, or with a byte more, they are MALFORMED', () => {
    const whole = fromHex(GOLDEN);
    for (let length = 0; length < whole.length; length++) {
      expect(() => decodePacked(whole.subarray(0, length))).toThrow(
        expect.objectContaining({ code: 'MALFORMED' }),
      );
    }
    expect(() => decodePacked(fromHex(`${GOLDEN}00`))).toThrow(
      expect.objectContaining({ code: 'MALFORMED' }),
    );
  });

  const name = '0178';
  test.each([
    ['format 0', `00${u32(0)}`, 'MALFORMED'],
    ['format 2', `02${u32(0)}`, 'MALFORMED'],
    ['an empty name', `01${u32(1)}00${u32(0)}`, 'BAD_REQUEST'],
    ['a name with a slash', `01${u32(1)}012f${u32(0)}`, 'BAD_REQUEST'],
    ['a name that is not ASCII', `01${u32(1)}01e4${u32(0)}`, 'BAD_REQUEST'],
    ['a name that is too long', `01${u32(1)}c9${'61'.repeat(201)}${u32(0)}`, 'BAD_REQUEST'],
    ['2^32 - 1 groups', `01${u32(2 ** 32 - 1)}`, 'TOO_LARGE'],
    ['one group too many', `01${u32(LIMITS.batchGroupsMax + 1)}`, 'TOO_LARGE'],
    ['more groups than there are', `01${u32(LIMITS.batchGroupsMax)}`, 'MALFORMED'],
    ['2^32 - 1 items', `01${u32(1)}${name}${u32(2 ** 32 - 1)}`, 'TOO_LARGE'],
    ['one item too many', `01${u32(1)}${name}${u32(LIMITS.batchRecordsMax + 1)}`, 'TOO_LARGE'],
    ['more items than there are', `01${u32(1)}${name}${u32(LIMITS.batchRecordsMax)}`, 'MALFORMED'],
    [
      'items in several groups, one too many in all',
      `01${u32(2)}${name}${u32(1)}${u32(0)}${name}${u32(LIMITS.batchRecordsMax)}`,
      'TOO_LARGE',
    ],
    ['an item of 2^32 - 1 bytes', `01${u32(1)}${name}${u32(1)}${u32(2 ** 32 - 1)}`, 'MALFORMED'],
    [
      'items whose lengths would wrap around',
      `01${u32(1)}${name}${u32(2)}${u32(2 ** 31)}${u32(2 ** 31 + 1)}00`,
      'MALFORMED',
    ],
  ])('packed groups: hostile counts and names are refused (%s)', (_, text, code) => {
    expect(() => decodePacked(fromHex(text))).toThrow(expect.objectContaining({ code }));
  });

  test('packed groups: as many groups and items as allowed are taken', () => {
    const groups = Array.from({ length: LIMITS.batchGroupsMax }, (_, i) =>
      packItems(`p${i}`, [Uint8Array.of(1)]),
    );
    expect(decodePacked(encodePacked(groups))).toHaveLength(LIMITS.batchGroupsMax);
    const items = Array.from({ length: LIMITS.batchRecordsMax }, () => new Uint8Array(0));
    expect(decodePacked(encodePacked([packItems('p', items)]))[0]?.ends).toHaveLength(LIMITS.batchRecordsMax);
  });

  test('packed groups: hostile counts reserve no memory', () => {
    const claims = fromHex(`01${u32(1)}${name}${u32(LIMITS.batchRecordsMax)}`);
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 10_000; i++) expect(() => decodePacked(claims)).toThrow(MendlogError);
    // Were the claimed table of 16 KiB made each time, it would be 160 MiB in all.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 1024 * 1024);
  });

  test('packed groups: any bytes are groups or a MendlogError (random bytes, random changes of good ones)', () => {
    const change = fc.tuple(fc.nat(GOLDEN.length / 2 - 1), fc.nat(255));
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 80 }),
      fc.uint8Array({ maxLength: 40 }).map((rest) => Uint8Array.of(1, 0, 0, 0, 1, 1, 0x78, 0, 0, 0, ...rest)),
      fc.array(change, { minLength: 1, maxLength: 4 }).map((changes) => {
        const changed = fromHex(GOLDEN);
        for (const [at, byte] of changes) changed[at] = byte;
        return changed;
      }),
    );
    fc.assert(
      fc.property(bytes, (bytes) => {
        try {
          // One encoding only: what is taken is what would be sent.
          expect(hex(encodePacked(decodePacked(bytes)))).toBe(hex(bytes));
        } catch (error) {
          if (!(error instanceof MendlogError)) throw error;
          expect(['MALFORMED', 'TOO_LARGE', 'BAD_REQUEST']).toContain(error.code);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
