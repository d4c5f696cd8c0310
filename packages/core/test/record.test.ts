import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MendlogError } from '../src/errors.js';
import { LIMITS } from '../src/limits.js';
import {
  decodeFrame,
  encodeFrame,
  FRAME_BYTES_MAX,
  FRAME_HEADER_BYTES,
  frameHasKey,
  frameKey,
  frameVersion,
  writeFrame,
} from '../src/record.js';
import { appendKey, putKey } from '../src/record-key.js';
import { anyVersion, fromHex, hex, utf8, version } from './bytes.js';

// format, flags | counter | origin | timeMs | value
const GOLDEN = fromHex('0100' + '0000010000000412' + '0123456789abcdef' + '0000018bcfe5687b' + '68656c6c6f');
const RECORD = {
  version: version(2 ** 40 + 1042, 0x0123456789abcdefn),
  timeMs: 1_700_000_000_123,
  value: utf8('hello'),
};

const changed = (at: number, ...bytes: number[]) => {
  const frame = GOLDEN.slice();
  frame.set(bytes, at);
  return frame;
};

describe('frame', () => {
  test('frame: golden, since replicas hash it', () => {
    expect(hex(encodeFrame(RECORD))).toBe(hex(GOLDEN));
    expect(decodeFrame(GOLDEN)).toEqual(RECORD);
    expect(frameVersion(GOLDEN)).toEqual(RECORD.version);
  });

  test('frame: any record comes back as it went, with one encoding (random records)', () => {
    const record = fc.record({
      version: anyVersion,
      timeMs: fc.maxSafeNat(),
      value: fc.uint8Array({ maxLength: 100 }),
    });
    fc.assert(
      fc.property(record, fc.nat(20), (record, offset) => {
        const frame = encodeFrame(record);
        expect(frame).toHaveLength(FRAME_HEADER_BYTES + record.value.length);
        expect(decodeFrame(frame)).toEqual(record);
        expect(frameVersion(frame)).toEqual(record.version);
        expect(hex(encodeFrame(decodeFrame(frame)))).toBe(hex(frame));
        // In the middle of a longer buffer, as a batch is written and read.
        const batch = new Uint8Array(offset + frame.length + 3).fill(0xee);
        expect(writeFrame(batch, offset, record)).toBe(offset + frame.length);
        expect(decodeFrame(batch.subarray(offset, offset + frame.length))).toEqual(record);
        expect([...batch.subarray(0, offset), ...batch.subarray(offset + frame.length)]).toEqual(
          Array(offset + 3).fill(0xee),
        );
      }),
    );
  });

  test('frame: golden of each kind of key', () => {
    const head = (flags: string) => `01${flags}${hex(GOLDEN).slice(4, 52)}`;
    const kinds = [
      { record: { ...RECORD, key: 'kä' }, golden: `${head('01')}00036bc3a468656c6c6f` },
      {
        record: { ...RECORD, key: 'k', tombstone: true as const, value: new Uint8Array(0) },
        golden: `${head('03')}00016b`,
      },
      {
        record: { ...RECORD, append: { id: fromHex('00112233445566778899aabbccddeeff'), attempt: 2 } },
        golden: `${head('04')}0200112233445566778899aabbccddeeff68656c6c6f`,
      },
    ];
    for (const { record, golden } of kinds) {
      expect(hex(encodeFrame(record))).toBe(golden);
      expect(decodeFrame(fromHex(golden))).toEqual(record);
    }
  });

  test('frame: any record with a key comes back as it went, with one encoding (random records)', () => {
    const key = fc.oneof(
      fc.record({ key: fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }) }),
      fc.record({
        append: fc.record({ id: fc.uint8Array({ minLength: 16, maxLength: 16 }), attempt: fc.nat(255) }),
      }),
    );
    const record = fc.record({
      version: anyVersion,
      timeMs: fc.maxSafeNat(),
      value: fc.uint8Array({ maxLength: 40 }),
    });
    fc.assert(
      fc.property(record, key, (record, key) => {
        const frame = encodeFrame({ ...record, ...key });
        expect(decodeFrame(frame)).toEqual({ ...record, ...key });
        expect(frameVersion(frame)).toEqual(record.version);
        expect(frameHasKey(frame)).toBe(true);
        const expected = 'key' in key ? putKey(key.key) : appendKey(key.append.id);
        expect(hex(frameKey(frame)?.key ?? new Uint8Array(0))).toBe(hex(expected));
      }),
    );
  });

  test.each([
    ['an empty key', () => putKey('')],
    ['a key of 1,025 bytes', () => putKey(`${'ä'.repeat(512)}a`)],
    ['a key of 1,025 bytes of ASCII', () => putKey('a'.repeat(1025))],
    ['half of a surrogate pair', () => putKey('a\ud800')],
    ['an append key of 15 bytes', () => appendKey(new Uint8Array(15))],
  ])('record key: what is none is BAD_REQUEST (%s)', (_, make) => {
    expect(make).toThrow(expect.objectContaining({ code: 'BAD_REQUEST' }));
  });

  test.each([
    { name: 'no key', key: {} },
    { name: 'a put key', key: { key: 'k'.repeat(LIMITS.keyBytesMax) } },
    { name: 'an append key', key: { append: { id: new Uint8Array(16), attempt: 255 } } },
  ])('frame: an empty value and the largest one are records, one byte more is none ($name)', ({ key }) => {
    expect(decodeFrame(encodeFrame({ ...RECORD, ...key, value: new Uint8Array(0) })).value).toHaveLength(0);
    const largest = encodeFrame({ ...RECORD, ...key, value: new Uint8Array(LIMITS.valueBytesMax) });
    expect(largest.length).toBeLessThanOrEqual(FRAME_BYTES_MAX);
    expect(decodeFrame(largest).value).toHaveLength(LIMITS.valueBytesMax);
    const tooLong = new Uint8Array(largest.length + 1);
    tooLong.set(largest);
    expect(() => decodeFrame(tooLong)).toThrow(expect.objectContaining({ code: 'MALFORMED' }));
  });

  const malformed: [string, Uint8Array][] = [
    ['format 0', changed(0, 0)],
    ['format 2', changed(0, 2)],
    ['flag 128', changed(1, 128)],
    ['a tombstone without a key', changed(1, 2)],
    ['both kinds of key', changed(1, 5)],
    ['an append key that is cut', changed(1, 4)],
    ['a put key that is cut', changed(1, 1)],
    ['a put key without a byte', fromHex(`${hex(changed(1, 1)).slice(0, 52)}0000ff`)],
    ['a put key that is no UTF-8', fromHex(`${hex(changed(1, 1)).slice(0, 52)}0002c328`)],
    ['a put key with a cut surrogate', fromHex(`${hex(changed(1, 1)).slice(0, 52)}0003eda080`)],
    [
      'a put key that is too long',
      Uint8Array.of(...changed(1, 1).subarray(0, 26), 4, 1, ...Array(1025).fill(97)),
    ],
    ['a tombstone with a value', fromHex(`${hex(changed(1, 3)).slice(0, 52)}00016b00`)],
    ['counter 0', changed(2, 0, 0, 0, 0, 0, 0, 0, 0)],
    ['counter 2^53', changed(2, 0, 0x20, 0, 0, 0, 0, 0, 0)],
    ['counter 2^64 - 1', changed(2, ...Array(8).fill(255))],
    ['time 2^53', changed(18, 0, 0x20, 0, 0, 0, 0, 0, 0)],
    ['time 2^64 - 1', changed(18, ...Array(8).fill(255))],
    ...Array.from({ length: FRAME_HEADER_BYTES }, (_, length): [string, Uint8Array] => [
      `cut to ${length} bytes`,
      GOLDEN.subarray(0, length),
    ]),
  ];

  // Both, since what is stored by its version must be readable as a record later.
  test.each(malformed)('frame: what is none is MALFORMED (%s)', (_, frame) => {
    expect(() => decodeFrame(frame)).toThrow(expect.objectContaining({ code: 'MALFORMED' }));
    expect(() => frameVersion(frame)).toThrow(expect.objectContaining({ code: 'MALFORMED' }));
  });

  test('frame: any bytes are the one frame of a record, or MALFORMED (random bytes)', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.uint8Array({ minLength: 24, maxLength: 40 }).map((rest) => Uint8Array.of(1, 0, 0, 0, ...rest)),
    );
    fc.assert(
      fc.property(bytes, (bytes) => {
        let version: unknown;
        try {
          version = frameVersion(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(MendlogError);
          expect(() => decodeFrame(bytes)).toThrow(MendlogError);
          return;
        }
        const record = decodeFrame(bytes);
        expect(record.version).toEqual(version);
        expect(hex(encodeFrame(record))).toBe(hex(bytes));
      }),
      { numRuns: 1000 },
    );
  });
});
