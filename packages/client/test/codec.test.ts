import { describe, expect, it } from 'vitest';
import { bytesCodec, jsonCodec, textCodec } from '../src/codec.js';

describe('codec', () => {
  it('json: a value comes back, and a schema refuses on both ways', () => {
    const codec = jsonCodec<{ n: number }>();
    expect(codec.decode(codec.encode({ n: 1 }))).toEqual({ n: 1 });
    const strict = jsonCodec({
      parse(value: unknown): number {
        if (typeof value !== 'number') throw new TypeError('not a number');
        return value;
      },
    });
    expect(strict.decode(strict.encode(7))).toBe(7);
    expect(() => strict.decode(textCodec.encode('"seven"'))).toThrow('not a number');
  });

  it('json: a value without a JSON form is refused (value=undefined)', () => {
    expect(() => jsonCodec<unknown>().encode(undefined)).toThrow(TypeError);
  });

  it('text: bytes that are not UTF-8 are refused, a byte order mark stays', () => {
    expect(textCodec.decode(textCodec.encode('\u{feff}ü'))).toBe('\u{feff}ü');
    expect(() => textCodec.decode(Uint8Array.of(0xff))).toThrow(TypeError);
  });

  it('text and bytes: a value of another type is refused, and not written as something else', () => {
    for (const codec of [textCodec, bytesCodec])
      expect(() => Reflect.apply(codec.encode, codec, [5])).toThrow(TypeError);
    expect(() => Reflect.apply(bytesCodec.encode, bytesCodec, ['text'])).toThrow(TypeError);
  });

  it('bytes: as they are', () => {
    const bytes = Uint8Array.of(0, 13, 10, 255);
    expect(bytesCodec.decode(bytesCodec.encode(bytes))).toBe(bytes);
  });
});
