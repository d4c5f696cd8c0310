// The messages of a connection: golden bytes, and what is refused.
import { MendlogError } from '@mendlog/core';
import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { describe, expect, test } from 'vitest';
import { decodeAnswer, decodeRequest, encodeAnswer, encodeRequest } from '../src/messages.js';

const decodeCall = (bytes: Uint8Array) => {
  const message = decodeRequest(bytes);
  if (message.type !== 'query' && message.type !== 'mutation') throw new Error(`a ${message.type}`);
  return message;
};
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const pack = (value: unknown) => new Packr({ useRecords: false }).pack(value);

const REQUEST = {
  id: 7,
  type: 'mutation',
  path: 'peer.store',
  input: { packed: Uint8Array.of(1, 2, 3) },
  timeoutMs: 2000,
} as const;
const REQUEST_HEX = '95'
  .concat('07', '01', 'aa', Buffer.from('peer.store').toString('hex'))
  .concat('de0001', 'a6', Buffer.from('packed').toString('hex'), 'c403', '010203', 'cd07d0');

describe('messages', () => {
  test('messages: golden request, since other versions read it', () => {
    expect(hex(encodeRequest(REQUEST))).toBe(REQUEST_HEX);
    const { input, ...rest } = decodeCall(Buffer.from(REQUEST_HEX, 'hex'));
    expect(rest).toEqual({ id: 7, type: 'mutation', path: 'peer.store', timeoutMs: 2000 });
    expect(input).toEqual({ packed: Buffer.of(1, 2, 3) });
  });

  test('messages: golden cancel, since other versions read it', () => {
    expect(hex(encodeRequest({ id: 7, type: 'cancel' }))).toBe('920703');
    expect(decodeRequest(Buffer.from('920703', 'hex'))).toEqual({ id: 7, type: 'cancel' });
  });

  test('messages: golden subscription, since other versions read it', () => {
    const subscribe = { id: 7, type: 'subscription', path: 'a', input: 1, creditBytes: 1000 } as const;
    const credit = { id: 7, type: 'credit', creditBytes: 1000 } as const;
    const item = { id: 7, type: 'item', data: 'a' } as const;
    const end = { id: 7, type: 'end' } as const;
    expect(hex(encodeRequest(subscribe))).toBe('950702a16101cd03e8');
    expect(hex(encodeRequest(credit))).toBe('930704cd03e8');
    expect(hex(encodeAnswer(item))).toBe('930702a161');
    expect(hex(encodeAnswer(end))).toBe('920703');
    for (const message of [subscribe, credit]) expect(decodeRequest(encodeRequest(message))).toEqual(message);
    for (const message of [item, end]) expect(decodeAnswer(encodeAnswer(message))).toEqual(message);
  });

  test('messages: golden answers, since other versions read them', () => {
    const answer = { id: 1, type: 'answer', data: [1, 'a'] } as const;
    expect(hex(encodeAnswer(answer))).toBe('9301009201a161');
    expect(decodeAnswer(Buffer.from('9301009201a161', 'hex'))).toEqual(answer);
    const refusal = { id: 2, type: 'refusal', error: { code: 'CLOSED', message: 'm' } } as const;
    expect(decodeAnswer(encodeAnswer(refusal))).toEqual(refusal);
  });

  test.each([
    ['no message at all', Buffer.alloc(0)],
    ['not an array', pack({ id: 1 })],
    ['a number', pack(5)],
    ['too few fields', pack([1, 0, 'a', null])],
    ['too many fields', pack([1, 0, 'a', null, 5, 6])],
    ['an id that is no number', pack(['1', 0, 'a', null, 5])],
    ['an id that is no integer', pack([1.5, 0, 'a', null, 5])],
    ['an unknown type', pack([1, 9, 'a', null, 5])],
    ['a call without fields', pack([1, 0])],
    ['a cancel with more', pack([1, 3, 'a'])],
    ['a credit of nothing', pack([1, 4, 0])],
    ['a credit that is taken back', pack([1, 4, -1])],
    ['credit without end', pack([1, 4, Number.POSITIVE_INFINITY])],
    ['a subscription without credit', pack([1, 2, 'a', null])],
    ['time without end', pack([1, 0, 'a', null, Number.POSITIVE_INFINITY])],
    ['a path that is no text', pack([1, 0, 5, null, 5])],
    ['no time', pack([1, 0, 'a', null, 0])],
    ['a time that is no number', pack([1, 0, 'a', null, Number.NaN])],
    ['bytes after the end', Buffer.concat([encodeRequest(REQUEST), Buffer.of(0)])],
    ['an array that claims more than there is', Buffer.from('ddffffffff00', 'hex')],
    ['arrays in arrays that claim much', Buffer.from('dd00ffffff'.repeat(200), 'hex')],
    ['maps in maps that claim much', Buffer.from('df00ffffffa161'.repeat(200), 'hex')],
    ['arrays in arrays, deeper than any stack', Buffer.alloc(1_000_000, 0x91)],
  ])('messages: a malformed request is refused (%s)', (_, bytes) => {
    expect(() => decodeRequest(bytes)).toThrow(expect.objectContaining({ code: 'MALFORMED' }));
  });

  test.each([
    ['an unknown kind', pack([1, 9, null])],
    ['an end with more', pack([1, 3, null])],
    ['an item without anything', pack([1, 2])],
    ['an error without a code', pack([1, 1, { message: 'm' }])],
    ['an error with an unknown code', pack([1, 1, { code: 'TOO_BAD', message: 'm' }])],
    ['an error with an inherited code', pack([1, 1, { code: 'toString', message: 'm' }])],
    ['an error without a message', pack([1, 1, { code: 'CLOSED' }])],
    ['no error', pack([1, 1, null])],
  ])('messages: a malformed answer is refused (%s)', (_, bytes) => {
    expect(() => decodeAnswer(bytes)).toThrow(expect.objectContaining({ code: 'MALFORMED' }));
  });

  test('messages: any bytes are a message or MALFORMED (random bytes)', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      // Begins as a request does, so that more of it is read.
      fc.uint8Array({ maxLength: 60 }).map((rest) => Uint8Array.of(0x95, 1, 0, 0xa1, 0x61, ...rest)),
    );
    fc.assert(
      fc.property(bytes, (bytes) => {
        for (const decode of [decodeRequest, decodeAnswer]) {
          try {
            decode(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(MendlogError);
            expect(error).toMatchObject({ code: 'MALFORMED' });
          }
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('messages: one message cannot change how the next one is read (record definitions, prototypes)', () => {
    // MessagePack's record extension defines structures for ids from 0x40 on: an id such as 64 must stay a number.
    for (let id = 0x40; id < 0x80; id++) {
      const definition = Buffer.concat([Buffer.of(0xd4, 0x72, id), pack(['a', 'b']), pack(1), pack(2)]);
      try {
        decodeRequest(definition);
      } catch {
        // Refused or not, what counts is what follows.
      }
      expect(decodeRequest(encodeRequest({ ...REQUEST, id }))).toMatchObject({ id });
    }
    const polluted = Buffer.concat([
      Buffer.from('95070100', 'hex').subarray(0, 3),
      pack('a'),
      Buffer.of(0x81, 0xa9),
      Buffer.from('__proto__'),
      pack({ isAdmin: true }),
      pack(5),
    ]);
    const { input } = decodeCall(polluted);
    expect(Object.getPrototypeOf(input)).toBe(Object.prototype);
    expect(Object.hasOwn(Object.prototype, 'isAdmin')).toBe(false);
  });
});
