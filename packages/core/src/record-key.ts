/**
 * Record keys: of the records of a partition that carry one key, one stays.
 *
 *   put key     text of 1 to 1,024 bytes; the highest version stays
 *   append key  16 bytes, made by whoever appends; the highest attempt stays, then the highest version
 *
 * The two have namespaces of their own: a put never meets an append. As bytes a key is its namespace,
 * then what it is, so that keys sort as their bytes do.
 */
import { MendlogError } from './errors.js';
import { LIMITS } from './limits.js';
import { compareVersions, type Version } from './version.js';

export type RecordKey = Uint8Array;

export const PUT_NAMESPACE = 1;
export const APPEND_NAMESPACE = 2;
export const APPEND_KEY_BYTES = 16;

// Of Node.js and of browsers alike, and of no library of TypeScript that has nothing else.
declare const TextEncoder: new () => { encode(text: string): Uint8Array };
declare const TextDecoder: new (
  encoding: 'utf-8',
  options: { fatal: boolean; ignoreBOM: boolean },
) => { decode(bytes: Uint8Array): string };

const encoder = new TextEncoder();
// With its default a byte order mark would be dropped, and two keys be one.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Throws BAD_REQUEST for a text that is no key. */
export function putKey(text: string): RecordKey {
  return asciiKey(text) ?? encodedKey(text);
}

/** As a rule a key is ASCII, which costs no encoder; undefined for another one, or one that is none. */
function asciiKey(text: string): RecordKey | undefined {
  const { length } = text;
  if (length === 0 || length > LIMITS.keyBytesMax) return undefined;
  const key = new Uint8Array(1 + length);
  key[0] = PUT_NAMESPACE;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 0x80) return undefined;
    key[1 + i] = code;
  }
  return key;
}

function encodedKey(text: string): RecordKey {
  const bytes = encoder.encode(text);
  // A half of a surrogate pair is encoded as a replacement character: two keys would be one.
  if (bytes.length === 0 || bytes.length > LIMITS.keyBytesMax || /\p{Surrogate}/u.test(text)) {
    throw new MendlogError('BAD_REQUEST', `a key is text of 1 to ${LIMITS.keyBytesMax} bytes in UTF-8`);
  }
  return inNamespace(PUT_NAMESPACE, bytes);
}

/** Throws BAD_REQUEST where it is not of 16 bytes. */
export function appendKey(id: Uint8Array): RecordKey {
  if (id.length !== APPEND_KEY_BYTES)
    throw new MendlogError('BAD_REQUEST', `an append key has ${APPEND_KEY_BYTES} bytes, not ${id.length}`);
  return inNamespace(APPEND_NAMESPACE, id);
}

/** Throws BAD_REQUEST for bytes that are no key: a store may be unable to look them up. */
export function checkRecordKey(key: RecordKey): void {
  const bytes = key.length - 1;
  const isKey =
    (key[0] === PUT_NAMESPACE && bytes >= 1 && bytes <= LIMITS.keyBytesMax) ||
    (key[0] === APPEND_NAMESPACE && bytes === APPEND_KEY_BYTES);
  if (!isKey) throw new MendlogError('BAD_REQUEST', 'these bytes are neither a put key nor an append key');
}

/** The text of a put key's bytes, the namespace left out. Throws MALFORMED. */
export function keyText(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new MendlogError('MALFORMED', 'a key is not UTF-8', { cause });
  }
}

export function inNamespace(namespace: number, bytes: Uint8Array): RecordKey {
  const key = new Uint8Array(1 + bytes.length);
  key[0] = namespace;
  key.set(bytes, 1);
  return key;
}

/** What decides which of the records of one key stays. */
export interface KeyClaim {
  /** Of the attempt that made the record; 0 for a put. */
  readonly attempt: number;
  readonly version: Version;
}

/** Above 0 where `a` stays. */
export function compareClaims(a: KeyClaim, b: KeyClaim): number {
  return a.attempt === b.attempt ? compareVersions(a.version, b.version) : a.attempt - b.attempt;
}
