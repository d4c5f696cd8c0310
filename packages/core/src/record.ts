/**
 * Records and their canonical encoding, the frame.
 *
 *   0      1      2            10          18         26
 *   +------+------+------------+-----------+----------+-----+----------...
 *   |format| flags| counter u64| origin u64| timeMs   | key | value
 *   +------+------+------------+-----------+----------+-----+----------...
 *
 *   flag 1  the record has a put key:     bytes u16 | key
 *   flag 2  it is a tombstone:            with a put key, and without a value
 *   flag 4  it has an append key:         attempt u8 | key 16
 *
 * Numbers are big-endian. One record has exactly one frame: replicas hash frames, so two
 * encodings of one record would look like a divergence for ever. A decoder refuses a flag that it
 * does not know instead of dropping what it stands for.
 */
import { MendlogError } from './errors.js';
import { LIMITS } from './limits.js';
import {
  APPEND_KEY_BYTES,
  APPEND_NAMESPACE,
  appendKey,
  inNamespace,
  keyText,
  PUT_NAMESPACE,
  putKey,
  type RecordKey,
} from './record-key.js';
import { readCounter, readVersion, VERSION_BYTES, type Version, writeVersion } from './version.js';

export interface LogRecord {
  readonly version: Version;
  /** Wall clock of the coordinator, milliseconds since 1970. Never used to order records. */
  readonly timeMs: number;
  readonly value: Uint8Array;
  /** The put key. */
  readonly key?: string;
  /** The key was deleted with this record, which has no value. */
  readonly tombstone?: true;
  /** The append key, and the number of the attempt, from 0 to 255. */
  readonly append?: { readonly id: Uint8Array; readonly attempt: number };
}

const FRAME_FORMAT = 1;
const FLAG_PUT_KEY = 1;
const FLAG_TOMBSTONE = 2;
const FLAG_APPEND_KEY = 4;
const FLAGS_KNOWN: readonly number[] = [0, FLAG_PUT_KEY, FLAG_PUT_KEY | FLAG_TOMBSTONE, FLAG_APPEND_KEY];
/** Where the version lies in a frame, encoded as everywhere. */
export const FRAME_VERSION_AT = 2;
/** Where the time lies, eight bytes. */
export const FRAME_TIME_AT = FRAME_VERSION_AT + VERSION_BYTES;
/** Of a record without a key. */
export const FRAME_HEADER_BYTES = FRAME_TIME_AT + 8;
const KEY_LENGTH_BYTES = 2;
/** What an append key takes in a frame. */
const FRAME_APPEND_KEY_BYTES = 1 + APPEND_KEY_BYTES;
export const FRAME_BYTES_MAX =
  FRAME_HEADER_BYTES + KEY_LENGTH_BYTES + LIMITS.keyBytesMax + LIMITS.valueBytesMax;
/** Of a draft the origin and the time. */
const DRAFT_ZEROS_AT = FRAME_VERSION_AT + 8;
const UINT32 = 2 ** 32;
const NO_KEY = new Uint8Array(0);

/** Writes the frame of a record without a key at `offset` and returns where it ends. The caller provides the room. */
export function writeFrame(out: Uint8Array, offset: number, record: LogRecord): number {
  const { key, tombstone, append } = record;
  if (key !== undefined || append !== undefined || tombstone !== undefined)
    throw new TypeError('a record with a key is encoded by encodeFrame');
  const at = writeHeader(out, offset, { record, flags: 0 });
  out.set(record.value, at);
  return at + record.value.length;
}

export function encodeFrame(record: LogRecord): Uint8Array {
  const { value } = record;
  const part = keyPart(record);
  const frame = new Uint8Array(FRAME_HEADER_BYTES + part.length + value.length);
  writeHeader(frame, 0, { record, flags: flagsOf(record) });
  frame.set(part, FRAME_HEADER_BYTES);
  frame.set(value, FRAME_HEADER_BYTES + part.length);
  return frame;
}

/**
 * A record that has no version yet. As bytes it is a frame with zeros for version and time: whoever writes makes
 * it, and the coordinator puts both into it where it lies. In place of the counter there may be one that the version
 * is to be above.
 */
export interface Draft {
  readonly flags: number;
  readonly keyPart: Uint8Array;
  readonly value: Uint8Array;
}

/** Throws BAD_REQUEST for a key that is none, and TOO_LARGE for a value over the limit. */
export function draftOf(record: Omit<LogRecord, 'version' | 'timeMs'>): Draft {
  const { value } = record;
  checkValueBytes(value.length);
  return { flags: flagsOf(record), keyPart: keyPart(record), value };
}

/** Writes a draft at `offset` of zeros, and returns where it ends. */
export function writeDraft(out: Uint8Array, offset: number, { flags, keyPart, value }: Draft): number {
  out[offset] = FRAME_FORMAT;
  out[offset + 1] = flags;
  const keyAt = offset + FRAME_HEADER_BYTES;
  if (keyPart.length > 0) out.set(keyPart, keyAt);
  out.set(value, keyAt + keyPart.length);
  return keyAt + keyPart.length + value.length;
}

export function draftBytes({ keyPart, value }: Draft): number {
  return FRAME_HEADER_BYTES + keyPart.length + value.length;
}

export function encodeDraft(record: Omit<LogRecord, 'version' | 'timeMs'>): Uint8Array {
  const draft = draftOf(record);
  const frame = new Uint8Array(draftBytes(draft));
  writeDraft(frame, 0, draft);
  return frame;
}

/** Checks the draft from `start` up to `end`. Throws MALFORMED or TOO_LARGE. */
export function checkDraft(view: DataView, start: number, end: number): void {
  checkValueBytes(checkShape(view, start, end));
  draftFloor(view, start);
  if (isStamped(view, start)) throw new MendlogError('MALFORMED', 'a draft has no origin and no time');
}

/** The counter that the version of a draft is to be above. Throws MALFORMED. */
export function draftFloor(view: DataView, start: number): number {
  return readCounter(view, start + FRAME_VERSION_AT);
}

/** Says of the draft at `offset` which counter its version is to be above. */
export function writeDraftFloor(out: Uint8Array, offset: number, counter: number): void {
  const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
  view.setUint32(offset + FRAME_VERSION_AT, Math.floor(counter / UINT32));
  view.setUint32(offset + FRAME_VERSION_AT + 4, counter % UINT32);
}

/** Gives a draft its version and its time. */
export function stampDraft(view: DataView, start: number, version: Version, timeMs: number): void {
  writeVersion(view, start + FRAME_VERSION_AT, version);
  view.setUint32(start + FRAME_TIME_AT, Math.floor(timeMs / UINT32));
  view.setUint32(start + FRAME_TIME_AT + 4, timeMs % UINT32);
}

/** Makes a draft again of one that has been given a version. */
export function unstampDraft(bytes: Uint8Array, start: number): void {
  bytes.fill(0, start + FRAME_VERSION_AT, start + FRAME_HEADER_BYTES);
}

/** Whether the draft at `start` has been given a version: then it has an origin, or a time. */
export function isStamped(view: DataView, start: number): boolean {
  for (let at = start + DRAFT_ZEROS_AT; at < start + FRAME_HEADER_BYTES; at += 4)
    if (view.getUint32(at) !== 0) return true;
  return false;
}

/** Checks a frame and reads its version. Throws MALFORMED. */
export function frameVersion(frame: Uint8Array): Version {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  checkFrame(view, 0, frame.length);
  return readVersion(view, FRAME_VERSION_AT);
}

/**
 * Checks the frame from `start` up to `end`, and returns its counter. Throws MALFORMED: what is stored must
 * decode later, or it would spoil every page that it is on.
 */
export function checkFrame(view: DataView, start: number, end: number): number {
  if (checkShape(view, start, end) > LIMITS.valueBytesMax)
    throw new MendlogError('MALFORMED', 'a frame is longer than any record');
  const counter = readCounter(view, start + FRAME_VERSION_AT);
  if (counter === 0) throw new MendlogError('MALFORMED', 'a record has a counter of at least 1');
  readCounter(view, start + FRAME_TIME_AT);
  return counter;
}

/** Everything of a frame but its version and its time. Returns the bytes of its value. */
function checkShape(view: DataView, start: number, end: number): number {
  const length = end - start;
  if (length < FRAME_HEADER_BYTES) throw new MendlogError('MALFORMED', 'a frame is shorter than its header');
  const format = view.getUint8(start);
  if (format !== FRAME_FORMAT) throw new MendlogError('MALFORMED', `unknown frame format ${format}`);
  const flags = view.getUint8(start + 1);
  const valueAt = flags === 0 ? FRAME_HEADER_BYTES : checkKey(view, start, length);
  return length - valueAt;
}

/** Where in `bytes` the key of the sound frame at `start` lies; it has one. */
export function frameKeyAt(
  bytes: Uint8Array,
  start: number,
): {
  readonly namespace: number;
  readonly from: number;
  readonly to: number;
  readonly attempt: number;
  readonly isTombstone: boolean;
} {
  const flags = bytes[start + 1] as number;
  const at = start + FRAME_HEADER_BYTES;
  if (flags === FLAG_APPEND_KEY) {
    const [from, to] = [at + 1, at + FRAME_APPEND_KEY_BYTES];
    return { namespace: APPEND_NAMESPACE, from, to, attempt: bytes[at] as number, isTombstone: false };
  }
  const from = at + KEY_LENGTH_BYTES;
  const to = from + (bytes[at] as number) * 256 + (bytes[at + 1] as number);
  return { namespace: PUT_NAMESPACE, from, to, attempt: 0, isTombstone: (flags & FLAG_TOMBSTONE) !== 0 };
}

/** What a sound frame says of its key; undefined where it has none. */
export function frameKey(
  frame: Uint8Array,
): { readonly key: RecordKey; readonly attempt: number; readonly isTombstone: boolean } | undefined {
  if (!frameHasKey(frame)) return undefined;
  const { namespace, from, to, attempt, isTombstone } = frameKeyAt(frame, 0);
  return { key: inNamespace(namespace, frame.subarray(from, to)), attempt, isTombstone };
}

/** Whether the sound frame at `start` has a key of either kind. */
export function frameHasKey(bytes: Uint8Array, start = 0): boolean {
  return bytes[start + 1] !== 0;
}

/**
 * Where the append key of the sound frame at `start` begins, of APPEND_KEY_BYTES, the attempt in the byte before it;
 * 0 where it has none.
 */
export function frameAppendKeyAt(bytes: Uint8Array, start: number): number {
  return bytes[start + 1] === FLAG_APPEND_KEY ? start + FRAME_HEADER_BYTES + 1 : 0;
}

/** Whether the sound frame at `start` is a tombstone. */
export function frameIsTombstone(bytes: Uint8Array, start = 0): boolean {
  return ((bytes[start + 1] as number) & FLAG_TOMBSTONE) !== 0;
}

/** The record of a frame; its value is a view on the frame's bytes. Throws MALFORMED. */
export function decodeFrame(frame: Uint8Array): LogRecord {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  checkFrame(view, 0, frame.length);
  const version = readVersion(view, FRAME_VERSION_AT);
  const timeMs = readCounter(view, FRAME_TIME_AT);
  if (!frameHasKey(frame)) return { version, timeMs, value: frame.subarray(FRAME_HEADER_BYTES) };
  const { namespace, from, to, attempt, isTombstone } = frameKeyAt(frame, 0);
  const key = frame.subarray(from, to);
  const value = frame.subarray(to);
  if (namespace === APPEND_NAMESPACE)
    return { version, timeMs, value, append: { id: new Uint8Array(key), attempt } };
  const text = keyText(key);
  return isTombstone
    ? { version, timeMs, value, key: text, tombstone: true }
    : { version, timeMs, value, key: text };
}

function checkValueBytes(bytes: number): void {
  if (bytes <= LIMITS.valueBytesMax) return;
  throw new MendlogError(
    'TOO_LARGE',
    `a value of ${bytes} bytes is over the limit of ${LIMITS.valueBytesMax}`,
  );
}

type Keyed = Omit<LogRecord, 'version' | 'timeMs'>;

function flagsOf({ key, tombstone, append }: Keyed): number {
  return (
    (key === undefined ? 0 : FLAG_PUT_KEY) |
    (tombstone === undefined ? 0 : FLAG_TOMBSTONE) |
    (append === undefined ? 0 : FLAG_APPEND_KEY)
  );
}

function keyPart({ key, tombstone, append, value }: Keyed): Uint8Array {
  if (key !== undefined && append !== undefined) throw new TypeError('a record has one key');
  if (tombstone !== undefined && (key === undefined || value.length > 0))
    throw new TypeError('a tombstone has a key and no value');
  if (key !== undefined) {
    const bytes = putKey(key);
    const part = new Uint8Array(KEY_LENGTH_BYTES - 1 + bytes.length);
    part.set(bytes, 1);
    new DataView(part.buffer).setUint16(0, part.length - KEY_LENGTH_BYTES);
    return part;
  }
  if (append === undefined) return NO_KEY;
  if (!Number.isInteger(append.attempt) || append.attempt < 0 || append.attempt > 255)
    throw new TypeError(`an attempt's number is from 0 to 255, not ${append.attempt}`);
  const part = appendKey(append.id);
  part[0] = append.attempt;
  return part;
}

function writeHeader(
  out: Uint8Array,
  offset: number,
  { record, flags }: { record: LogRecord; flags: number },
): number {
  const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
  out[offset] = FRAME_FORMAT;
  out[offset + 1] = flags;
  writeVersion(view, offset + FRAME_VERSION_AT, record.version);
  view.setUint32(offset + FRAME_TIME_AT, Math.floor(record.timeMs / UINT32));
  view.setUint32(offset + FRAME_TIME_AT + 4, record.timeMs % UINT32);
  return offset + FRAME_HEADER_BYTES;
}

/** Checks the key part of a frame of so many bytes; returns where in the frame the value begins. */
function checkKey(view: DataView, start: number, length: number): number {
  const flags = view.getUint8(start + 1);
  if (!FLAGS_KNOWN.includes(flags)) throw new MendlogError('MALFORMED', `unknown frame flags ${flags}`);
  const keyAt = FRAME_HEADER_BYTES;
  if (flags === FLAG_APPEND_KEY) {
    if (length < keyAt + FRAME_APPEND_KEY_BYTES) throw cutKey();
    return keyAt + FRAME_APPEND_KEY_BYTES;
  }
  if (length < keyAt + KEY_LENGTH_BYTES) throw cutKey();
  const keyBytes = view.getUint16(start + keyAt);
  const valueAt = keyAt + KEY_LENGTH_BYTES + keyBytes;
  if (length < valueAt) throw cutKey();
  if (keyBytes === 0 || keyBytes > LIMITS.keyBytesMax)
    throw new MendlogError('MALFORMED', `a key has 1 to ${LIMITS.keyBytesMax} bytes, not ${keyBytes}`);
  if ((flags & FLAG_TOMBSTONE) !== 0 && length > valueAt)
    throw new MendlogError('MALFORMED', 'a tombstone has no value');
  checkText(view, start + keyAt + KEY_LENGTH_BYTES, keyBytes);
  return valueAt;
}

/** As a rule a key is ASCII, which costs no decoder. */
function checkText(view: DataView, at: number, bytes: number): void {
  for (let i = at; i < at + bytes; i++) {
    if (view.getUint8(i) < 0x80) continue;
    keyText(new Uint8Array(view.buffer, view.byteOffset + at, bytes));
    return;
  }
}

function cutKey(): MendlogError {
  return new MendlogError('MALFORMED', 'a frame ends inside its key');
}
