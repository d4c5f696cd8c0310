import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MendlogError } from '../src/errors.js';
import {
  compareVersions,
  formatVersion,
  ORIGIN_HIGHEST,
  ORIGIN_LOWEST,
  originFromBits,
  parseRecordId,
  readVersion,
  VERSION_BYTES,
  VERSION_HIGHEST,
  VERSION_LOWEST,
  type Version,
  writeVersion,
} from '../src/version.js';
import { anyVersion, hex, version } from './bytes.js';

function encoded(version: Version): Uint8Array {
  const bytes = new Uint8Array(VERSION_BYTES);
  writeVersion(new DataView(bytes.buffer), 0, version);
  return bytes;
}

const decoded = (bytes: Uint8Array) => readVersion(new DataView(bytes.buffer, bytes.byteOffset), 0);

describe('version', () => {
  test('version: golden text and bytes, since stored versions depend on them', () => {
    const golden = version(1042, 0x0123456789abcdefn);
    expect(formatVersion(golden)).toBe('1042-028t5cy4tqkff');
    expect(hex(encoded(golden))).toBe('00000000000004120123456789abcdef');
    expect(originFromBits(0n)).toBe(ORIGIN_LOWEST);
    expect(originFromBits(2n ** 64n - 1n)).toBe(ORIGIN_HIGHEST);
    expect(originFromBits(2n ** 64n + 5n)).toBe(originFromBits(5n));
  });

  test('version: text and bytes come back as they went (random versions)', () => {
    fc.assert(
      fc.property(anyVersion, (version) => {
        expect(parseRecordId(formatVersion(version))).toEqual(version);
        expect(decoded(encoded(version))).toEqual(version);
      }),
    );
  });

  test('version: order is that of counter, then origin bits, and bytes sort alike (random versions)', () => {
    const bits = (origin: string) => Buffer.from(encoded({ counter: 1, origin })).readBigUInt64BE(8);
    fc.assert(
      fc.property(anyVersion, anyVersion, (a, b) => {
        const expected =
          Math.sign(a.counter - b.counter) || Number(bits(a.origin) - bits(b.origin) > 0n) * 2 - 1;
        const order = compareVersions(a, b);
        if (a.counter === b.counter && a.origin === b.origin) expect(order).toBe(0);
        else expect(order).toBe(expected);
        expect(compareVersions(b, a)).toBe(order === 0 ? 0 : -order);
        expect(Buffer.compare(encoded(a), encoded(b))).toBe(order);
        expect(compareVersions(VERSION_LOWEST, a)).toBe(-1);
        expect(compareVersions(a, VERSION_HIGHEST)).toBeLessThanOrEqual(0);
      }),
    );
  });

  test('version: more origins than are remembered come back all the same', () => {
    const versions = Array.from({ length: 10_000 }, (_, i) => version(1, BigInt(i) * 0x1_0000_0001n));
    for (const version of versions) expect(decoded(encoded(version))).toEqual(version);
    for (const version of versions.slice(0, 10)) expect(decoded(encoded(version))).toEqual(version);
  });

  test('version: a counter above 2^53 - 1 is MALFORMED', () => {
    expect(decoded(encoded(VERSION_HIGHEST))).toEqual(VERSION_HIGHEST);
    const bytes = encoded(VERSION_HIGHEST);
    bytes.set([0x00, 0x20, 0, 0, 0, 0, 0, 0]);
    expect(() => decoded(bytes)).toThrow(expect.objectContaining({ code: 'MALFORMED' }));
    bytes.fill(255);
    expect(() => decoded(bytes)).toThrow(expect.objectContaining({ code: 'MALFORMED' }));
  });

  test('version: an origin that is none is misuse', () => {
    for (const origin of ['', '0'.repeat(12), '0'.repeat(14), `g${'0'.repeat(12)}`, `0${'i'.repeat(12)}`]) {
      expect(() => encoded({ counter: 1, origin })).toThrow(TypeError);
    }
  });
});

describe('record id', () => {
  test('record id: a bare counter has no origin', () => {
    expect(parseRecordId('1042')).toEqual({ counter: 1042 });
    expect(parseRecordId('0')).toEqual({ counter: 0 });
    expect(parseRecordId(`${Number.MAX_SAFE_INTEGER}`)).toEqual({ counter: Number.MAX_SAFE_INTEGER });
  });

  test.each([
    '',
    ' 1',
    '1 ',
    '-1',
    '+1',
    '01',
    '1.5',
    '1e3',
    '0x10',
    '9007199254740992',
    '99999999999999999',
    '1-',
    '-028t5cy4tqkff',
    '1-028t5cy4tqkf',
    '1-028t5cy4tqkff0',
    '1-028T5CY4TQKFF',
    '1-g28t5cy4tqkff',
    '1-028t5cy4tqkfi',
    '1-028t5cy4tqkff-',
    '１',
    '1\n',
    'abc',
  ])('record id: what is none is BAD_REQUEST (%j)', (text) => {
    expect(() => parseRecordId(text)).toThrow(expect.objectContaining({ code: 'BAD_REQUEST' }));
  });

  test('record id: any text is an id or BAD_REQUEST (random text)', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9a-z-]{0,30}$/)), (text) => {
        try {
          const { counter, origin } = parseRecordId(text);
          expect(origin === undefined ? `${counter}` : formatVersion({ counter, origin })).toBe(text);
        } catch (error) {
          expect(error).toBeInstanceOf(MendlogError);
        }
      }),
    );
  });
});
