/**
 * The messages of a connection. Each is one WebSocket message in MessagePack. The caller sends
 *
 *   call      [id, type, path, input, timeoutMs]     type: 0 query, 1 mutation
 *   cancel    [id, 3]                                nobody waits for the answer any more
 *
 * and the server
 *
 *   answer    [id, 0, data]
 *   refusal   [id, 1, { code, message, details }]
 *
 * The protocol's version is the WebSocket subprotocol: a peer that does not speak it is refused
 * at the handshake.
 */
import { type ErrorShape, isErrorCode, MendlogError } from '@mendlog/core';
import { Packr } from 'msgpackr';

export const SUBPROTOCOL = 'mendlog.2';

export interface CallMessage {
  readonly id: number;
  readonly type: 'query' | 'mutation';
  readonly path: string;
  readonly input: unknown;
  readonly timeoutMs: number;
}

interface CancelMessage {
  readonly id: number;
  readonly type: 'cancel';
}

export type RequestMessage = CallMessage | CancelMessage;

export type AnswerMessage =
  | { readonly id: number; readonly ok: true; readonly data: unknown }
  | { readonly id: number; readonly ok: false; readonly error: ErrorShape };

const CANCEL = 3;

// Plain MessagePack, no record extension: the answers of a stranger must not teach the decoder structures.
const packr = new Packr({ useRecords: false, mapsAsObjects: true });

export function encodeRequest(message: RequestMessage): Uint8Array {
  if (message.type === 'cancel') return packr.pack([message.id, CANCEL]);
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
  const { id, fields } = unpack(bytes);
  const [, kind, path, input, timeoutMs] = fields;
  if (kind === CANCEL && fields.length === 2) return { id, type: 'cancel' };
  const isCall =
    fields.length === 5 && (kind === 0 || kind === 1) && typeof path === 'string' && isPositive(timeoutMs);
  if (isCall) return { id, type: kind === 0 ? 'query' : 'mutation', path, input, timeoutMs };
  throw new MendlogError('MALFORMED', 'a request is neither [id, type, path, input, timeoutMs] nor [id, 3]');
}

/** Throws MALFORMED. */
export function decodeAnswer(bytes: Uint8Array): AnswerMessage {
  const { id, fields } = unpack(bytes);
  const [, kind, body] = fields;
  if (fields.length === 3 && kind === 0) return { id, ok: true, data: body };
  if (fields.length === 3 && kind === 1 && isErrorShape(body)) return { id, ok: false, error: body };
  throw new MendlogError('MALFORMED', 'an answer is neither [id, 0, data] nor [id, 1, error]');
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
