/**
 * Reads the JSON object of a request. Refuses what it would have to guess at: other media types, other
 * encodings, bytes that are not UTF-8, anything but an object.
 *
 * A body without a media type, or with one that senders put there by themselves (curl: a form; fetch:
 * text), is taken for JSON.
 */
import type { IncomingMessage } from 'node:http';
import { LIMITS, MendlogError } from '@mendlog/core';
import type { Input } from './routes.js';

const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json$/;
const TAKEN_FOR_JSON = ['', 'text/plain', 'application/x-www-form-urlencoded'];
const UTF8_NAMES = ['utf-8', 'utf8', 'us-ascii'];

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Empty where there is no body. Throws BAD_REQUEST, TOO_LARGE and UNSUPPORTED_MEDIA_TYPE. */
export async function readJsonBody(request: IncomingMessage): Promise<Input> {
  const announcedBytes = Number(request.headers['content-length'] ?? 0);
  if (announcedBytes === 0 && request.headers['transfer-encoding'] === undefined) return {};
  checkType(request);
  if (announcedBytes > LIMITS.jsonBodyBytesMax) throw tooLarge();
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > LIMITS.jsonBodyBytesMax) throw tooLarge();
    chunks.push(chunk);
  }
  if (bytes === 0) return {};
  const body = parse(Buffer.concat(chunks));
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new MendlogError('BAD_REQUEST', 'the body is not a JSON object');
  return { ...body };
}

function checkType({ headers }: IncomingMessage): void {
  const [type = '', ...parameters] = (headers['content-type'] ?? '').toLowerCase().split(/\s*;\s*/);
  if (!JSON_TYPE.test(type.trim()) && !TAKEN_FOR_JSON.includes(type.trim()))
    throw unsupported(`a body is application/json, not ${type.slice(0, 100)}`);
  const charset = parameters.find((parameter) => parameter.startsWith('charset='))?.slice('charset='.length);
  if (charset !== undefined && !UTF8_NAMES.includes(charset.replaceAll('"', '').trim()))
    throw unsupported(`a body is UTF-8, not ${charset.slice(0, 100)}`);
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding.toLowerCase() !== 'identity')
    throw unsupported(`a body is sent as it is, not encoded as ${encoding.slice(0, 100)}`);
}

function parse(bytes: Buffer): unknown {
  let text: string;
  try {
    // Wrong bytes must not be stored as the characters that stand for them.
    text = utf8.decode(bytes);
  } catch (cause) {
    throw new MendlogError(
      'BAD_REQUEST',
      'the body is not UTF-8; send bytes that are not text as messageBase64',
      { cause },
    );
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new MendlogError('BAD_REQUEST', 'the body is not JSON', { cause });
  }
}

function tooLarge(): MendlogError {
  return new MendlogError('TOO_LARGE', `a body is limited to ${LIMITS.jsonBodyBytesMax} bytes`);
}

function unsupported(message: string): MendlogError {
  return new MendlogError('UNSUPPORTED_MEDIA_TYPE', message);
}
