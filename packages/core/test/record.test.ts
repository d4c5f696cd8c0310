import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MendlogError } from '../src/errors.js';
import { LIMITS } from '../src/limits.js';
import {
  decodeFrame,
  encodeFrame,
  FRAME_BYTES_MAX,
  FRAME_HEADER_BYTES,
  frameVersion,
  writeFrame,
} from '../src/record.js';
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

  test('frame: an empty value and the largest one are records, one byte more is none', () => {
    expect(decodeFrame(encodeFrame({ ...RECORD, value: new Uint8Array(0) })).value).toHaveLength(0);
    const largest = encodeFrame({ ...RECORD, value: new Uint8Array(LIMITS.valueBytesMax) });
    expect(largest).toHaveLength(FRAME_BYTES_MAX);
    expect(decodeFrame(largest).value).toHaveLength(LIMITS.valueBytesMax);
    const tooLong = new Uint8Array(FRAME_BYTES_MAX + 1);
    tooLong.set(largest);
    expect(() => decodeFrame(tooLong)).toThrow(expect.objectContaining({ code: 'MALFORMED' }));
  });

  const malformed: [string, Uint8Array][] = [
    ['format 0', changed(0, 0)],
    ['format 2', changed(0, 2)],
    ['flag 1', changed(1, 1)],
    ['flag 128', changed(1, 128)],
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
