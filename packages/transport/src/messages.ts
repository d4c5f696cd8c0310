/**
 * The messages of a connection. Each is one WebSocket message in MessagePack. The caller sends
 *
 *   call       [id, type, path, input, timeoutMs]     type: 0 query, 1 mutation
 *   subscribe  [id, 2, path, input, creditBytes]
 *   cancel     [id, 3]                                nobody waits for the answer, or the items, any more
 *   credit     [id, 4, creditBytes]                   so many bytes of items more may be sent
 *
 * and the server
 *
 *   answer     [id, 0, data]
 *   refusal    [id, 1, { code, message, details }]    also of a subscription, at any time
 *   item       [id, 2, data]
 *   end        [id, 3]                                a subscription has no more items
 *
 * The protocol's version is the WebSocket subprotocol: a peer that does not speak it is refused
 * at the handshake. What one connection may have under way, the server says there too (grant.ts).
 */
import { type ErrorShape, isErrorCode, MendlogError } from '@mendlog/core';
import { Packr } from 'msgpackr';

export const SUBPROTOCOL = 'mendlog.5';

export interface CallMessage {
  readonly id: number;
  readonly type: 'query' | 'mutation';
  readonly path: string;
  readonly input: unknown;
  readonly timeoutMs: number;
}

export interface SubscribeMessage {
  readonly id: number;
  readonly type: 'subscription';
  readonly path: string;
  readonly input: unknown;
  readonly creditBytes: number;
}

interface CancelMessage {
  readonly id: number;
  readonly type: 'cancel';
}

interface CreditMessage {
  readonly id: number;
  readonly type: 'credit';
  readonly creditBytes: number;
}

export type RequestMessage = CallMessage | SubscribeMessage | CancelMessage | CreditMessage;

export type AnswerMessage =
  | { readonly id: number; readonly type: 'answer' | 'item'; readonly data: unknown }
  | { readonly id: number; readonly type: 'refusal'; readonly error: ErrorShape }
  | { readonly id: number; readonly type: 'end' };

/** What an item costs of a credit beside the bytes of its message: many small ones take room too. */
export const ITEM_OVERHEAD_BYTES = 64;

const QUERY = 0;
const MUTATION = 1;
const SUBSCRIBE = 2;
const CANCEL = 3;
const CREDIT = 4;

const ANSWER = 0;
const REFUSAL = 1;
const ITEM = 2;
const END = 3;

// Plain MessagePack, no record extension: the answers of a stranger must not teach the decoder structures.
const packr = new Packr({ useRecords: false, mapsAsObjects: true });

export function encodeRequest(message: RequestMessage): Uint8Array {
  const { id } = message;
  switch (message.type) {
    case 'cancel':
      return packr.pack([id, CANCEL]);
    case 'credit':
      return packr.pack([id, CREDIT, message.creditBytes]);
    case 'subscription':
      return packr.pack([id, SUBSCRIBE, message.path, message.input, message.creditBytes]);
    default:
      return packr.pack([
        id,
        message.type === 'query' ? QUERY : MUTATION,
        message.path,
        message.input,
        message.timeoutMs,
      ]);
  }
}

export function encodeAnswer(message: AnswerMessage): Uint8Array {
  switch (message.type) {
    case 'answer':
      return packr.pack([message.id, ANSWER, message.data]);
    case 'refusal':
      return packr.pack([message.id, REFUSAL, message.error]);
    case 'item':
      return packr.pack([message.id, ITEM, message.data]);
    case 'end':
      return packr.pack([message.id, END]);
  }
}

/** Throws MALFORMED. */
export function decodeRequest(bytes: Uint8Array): RequestMessage {
  const { id, fields } = unpack(bytes);
  const [, kind, path, input, amount] = fields;
  if (fields.length === 5 && typeof path === 'string' && isPositive(amount)) {
    if (kind === QUERY) return { id, type: 'query', path, input, timeoutMs: amount };
    if (kind === MUTATION) return { id, type: 'mutation', path, input, timeoutMs: amount };
    if (kind === SUBSCRIBE) return { id, type: 'subscription', path, input, creditBytes: amount };
  }
  if (fields.length === 2 && kind === CANCEL) return { id, type: 'cancel' };
  const creditBytes = fields[2];
  if (fields.length === 3 && kind === CREDIT && isPositive(creditBytes))
    return { id, type: 'credit', creditBytes };
  throw new MendlogError('MALFORMED', 'a message is none that a caller sends');
}

/** Throws MALFORMED. */
export function decodeAnswer(bytes: Uint8Array): AnswerMessage {
  const { id, fields } = unpack(bytes);
  const [, kind, body] = fields;
  if (fields.length === 3 && kind === ANSWER) return { id, type: 'answer', data: body };
  if (fields.length === 3 && kind === REFUSAL && isErrorShape(body))
    return { id, type: 'refusal', error: body };
  if (fields.length === 3 && kind === ITEM) return { id, type: 'item', data: body };
  if (fields.length === 2 && kind === END) return { id, type: 'end' };
  throw new MendlogError('MALFORMED', 'a message is none that a server sends');
}

function unpack(bytes: Uint8Array): { id: number; fields: readonly unknown[] } {
  let message: unknown;
  try {
    message = packr.unpack(bytes);
  } catch (cause) {
    throw new MendlogError('MALFORMED', 'a message is not MessagePack', { cause });
  }
  if (!Array.isArray(message)) throw new MendlogError('MALFORMED', 'a message is not an array');
  const id: unknown = message[0];
  if (typeof id !== 'number' || !Number.isSafeInteger(id))
    throw new MendlogError('MALFORMED', 'a message does not begin with an id');
  return { id, fields: message };
}

function isPositive(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0;
}

function isErrorShape(body: unknown): body is ErrorShape {
  return (
    typeof body === 'object' &&
    body !== null &&
    'code' in body &&
    isErrorCode(body.code) &&
    'message' in body &&
    typeof body.message === 'string'
  );
}
