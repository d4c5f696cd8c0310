/**
 * Records and their canonical encoding, the frame.
 *
 *   0      1      2            10          18         26
 *   +------+------+------------+-----------+----------+----------...
 *   |format| flags| counter u64| origin u64| timeMs   | value
 *   +------+------+------------+-----------+----------+----------...
 *
 * Numbers are big-endian. One record has exactly one frame: replicas hash frames, so two
 * encodings of one record would look like a divergence for ever. The flags are all zero in
 * format 1; a decoder refuses what it does not know instead of dropping it.
 */
import { MendlogError } from './errors.js';
import { LIMITS } from './limits.js';
import { readCounter, readVersion, VERSION_BYTES, type Version, writeVersion } from './version.js';

export interface LogRecord {
  readonly version: Version;
  /** Wall clock of the coordinator, milliseconds since 1970. Never used to order records. */
  readonly timeMs: number;
  readonly value: Uint8Array;
}

const FRAME_FORMAT = 1;
export const FRAME_HEADER_BYTES = 2 + VERSION_BYTES + 8;
export const FRAME_BYTES_MAX = FRAME_HEADER_BYTES + LIMITS.valueBytesMax;
const VERSION_OFFSET = 2;
const TIME_OFFSET = VERSION_OFFSET + VERSION_BYTES;
const UINT32 = 2 ** 32;

/** Writes the frame at `offset` and returns where it ends. The caller provides the room. */
export function writeFrame(out: Uint8Array, offset: number, record: LogRecord): number {
  const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
  out[offset] = FRAME_FORMAT;
  out[offset + 1] = 0;
  writeVersion(view, offset + VERSION_OFFSET, record.version);
  view.setUint32(offset + TIME_OFFSET, Math.floor(record.timeMs / UINT32));
  view.setUint32(offset + TIME_OFFSET + 4, record.timeMs % UINT32);
  out.set(record.value, offset + FRAME_HEADER_BYTES);
  return offset + FRAME_HEADER_BYTES + record.value.length;
}

export function encodeFrame(record: LogRecord): Uint8Array {
  const frame = new Uint8Array(FRAME_HEADER_BYTES + record.value.length);
  writeFrame(frame, 0, record);
  return frame;
}

/** Checks a frame and reads its version. Throws MALFORMED. */
export function frameVersion(frame: Uint8Array): Version {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  return versionAt(view, 0, frame.length);
}

/** The same for each frame of a group, back to back in `bytes`, frame i up to `ends[i]`. */
export function frameVersions({ bytes, ends }: { bytes: Uint8Array; ends: Uint32Array }): Version[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const versions: Version[] = [];
  let start = 0;
  for (const end of ends) {
    versions.push(versionAt(view, start, end));
    start = end;
  }
  return versions;
}

function versionAt(view: DataView, start: number, end: number): Version {
  const length = end - start;
  if (length < FRAME_HEADER_BYTES) throw new MendlogError('MALFORMED', 'a frame is shorter than its header');
  if (length > FRAME_BYTES_MAX) throw new MendlogError('MALFORMED', 'a frame is longer than any record');
  const [format, flags] = [view.getUint8(start), view.getUint8(start + 1)];
  if (format !== FRAME_FORMAT) throw new MendlogError('MALFORMED', `unknown frame format ${format}`);
  if (flags !== 0) throw new MendlogError('MALFORMED', `unknown frame flags ${flags}`);
  const version = readVersion(view, start + VERSION_OFFSET);
  if (version.counter === 0) throw new MendlogError('MALFORMED', 'a record has a counter of at least 1');
  // What is stored must decode later: a time that does not would spoil every page that it is on.
  readCounter(view, start + TIME_OFFSET);
  return version;
}

/** The record of a frame; its value is a view on the frame's bytes. Throws MALFORMED. */
export function decodeFrame(frame: Uint8Array): LogRecord {
  const version = frameVersion(frame);
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  return { version, timeMs: readCounter(view, TIME_OFFSET), value: frame.subarray(FRAME_HEADER_BYTES) };
}
