/** How values become bytes and back. JSON is the default; text and bytes are there for logs. */

export interface Codec<T> {
  encode(value: T): Uint8Array;
  decode(bytes: Uint8Array): T;
}

/** Anything that checks a value and returns it typed: a zod schema is one. */
export interface Schema<T> {
  parse(value: unknown): T;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** JSON; with a schema, values are checked on the way in and on the way out. */
export function jsonCodec<T>(schema?: Schema<T>): Codec<T> {
  return {
    encode(value) {
      const text = JSON.stringify(schema === undefined ? value : schema.parse(value));
      if (text === undefined) throw new TypeError('the value has no JSON form');
      return encoder.encode(text);
    },
    decode(bytes) {
      const value = JSON.parse(decoder.decode(bytes));
      return schema === undefined ? value : schema.parse(value);
    },
  };
}

/** UTF-8 text. Decoding bytes that are not UTF-8 throws a `TypeError`. */
export const textCodec: Codec<string> = {
  encode(value) {
    if (typeof value !== 'string') throw new TypeError(`expected text, not ${typeof value}`);
    return encoder.encode(value);
  },
  decode: (bytes) => decoder.decode(bytes),
};

/** Bytes as they are. */
export const bytesCodec: Codec<Uint8Array> = {
  encode(value) {
    if (!(value instanceof Uint8Array)) throw new TypeError(`expected a Uint8Array, not ${typeof value}`);
    return value;
  },
  decode: (bytes) => bytes,
};
