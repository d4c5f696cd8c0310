/**
 * The messages of a connection. Each is one WebSocket message in MessagePack:
 *
 *   request   [id, type, path, input, timeoutMs]     type: 0 query, 1 mutation
 *   answer    [id, 0, data]
 *   refusal   [id, 1, { code, message, details }]
 *
 * The protocol's version is the WebSocket subprotocol: a peer that does not speak it is refused
 * at the handshake.
 */
import { type ErrorShape, isErrorCode, MendlogError } from '@mendlog/core';
import { Packr } from 'msgpackr';

export const SUBPROTOCOL = 'mendlog.1';

export interface RequestMessage {
  readonly id: number;
  readonly type: 'query' | 'mutation';
  readonly path: string;
  readonly input: unknown;
  readonly timeoutMs: number;
}

export type AnswerMessage =
  | { readonly id: number; readonly ok: true; readonly data: unknown }
  | { readonly id: number; readonly ok: false; readonly error: ErrorShape };

// Plain MessagePack, no record extension: the answers of a stranger must not teach the decoder structures.
const packr = new Packr({ useRecords: false, mapsAsObjects: true });

export function encodeRequest(message: RequestMessage): Uint8Array {
  return packr.pack([
    message.id,
    message.type === 'query' ? 0 : 1,
    message.path,
    message.input,
    message.timeoutMs,
  ]);
}

export function encodeAnswer(message: AnswerMessage): Uint8Array {
  return packr.pack(message.ok ? [message.id, 0, message.data] : [message.id, 1, message.error]);
}

/** Throws MALFORMED. */
export function decodeRequest(bytes: Uint8Array): RequestMessage {
  const [id, type, path, input, timeoutMs] = fields(bytes, 5);
  const valid =
    Number.isSafeInteger(id) &&
    (type === 0 || type === 1) &&
    typeof path === 'string' &&
    typeof timeoutMs === 'number' &&
    timeoutMs > 0;
  if (!valid) throw new MendlogError('MALFORMED', 'a request is not [id, type, path, input, timeoutMs]');
  return { id: Number(id), type: type === 0 ? 'query' : 'mutation', path, input, timeoutMs };
}

/** Throws MALFORMED. */
export function decodeAnswer(bytes: Uint8Array): AnswerMessage {
  const [id, kind, body] = fields(bytes, 3);
  if (Number.isSafeInteger(id) && kind === 0) return { id: Number(id), ok: true, data: body };
  if (Number.isSafeInteger(id) && kind === 1 && isErrorShape(body))
    return { id: Number(id), ok: false, error: body };
  throw new MendlogError('MALFORMED', 'an answer is neither [id, 0, data] nor [id, 1, error]');
}

function fields(bytes: Uint8Array, count: number): unknown[] {
  let message: unknown;
  try {
    message = packr.unpack(bytes);
  } catch (cause) {
    throw new MendlogError('MALFORMED', 'a message is not MessagePack', { cause });
  }
  if (!Array.isArray(message) || message.length !== count) {
    throw new MendlogError('MALFORMED', `a message is not an array of ${count}`);
  }
  return message;
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
