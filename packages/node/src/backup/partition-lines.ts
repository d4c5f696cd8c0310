/**
 * The lines of an exported partition, one JSON value each, in UTF-8:
 *
 *   {"mendlog":"partition","format":1,"partition":"events","head":1042,"trimmedTo":0}
 *   {"version":"7-0k3v9x2m7q1ab","timeMs":1764115200000,"value":"aGVsbG8="}
 *   {"version":"8-0k3v9x2m7q1ab","timeMs":1764115200001,"key":"colour","value":"cmVk"}
 *   {"version":"9-0k3v9x2m7q1ab","timeMs":1764115200002,"key":"shape","tombstone":true,"value":""}
 *   {"version":"10-0k3v9x2m7q1ab","timeMs":1764115200003,"append":{"id":"00..0f","attempt":0},"value":""}
 *   {"end":true,"records":4}
 *
 * Values are in base64. A file without the last line was cut.
 */
import {
  checkFrame,
  checkPartitionName,
  decodeFrame,
  encodeFrame,
  formatVersion,
  MendlogError,
  parseRecordId,
} from '@mendlog/core';
import { z } from 'zod';
import { asBuffer } from '../storage/as-buffer.js';

const FORMAT = 1;
const Count = z.int().min(0);

const Header = z.strictObject({
  mendlog: z.literal('partition'),
  format: z.int(),
  partition: z.string(),
  head: Count,
  trimmedTo: Count,
});

const Line = z.strictObject({
  version: z.string(),
  timeMs: Count,
  key: z.string().optional(),
  tombstone: z.literal(true).optional(),
  append: z
    .strictObject({ id: z.string().regex(/^[0-9a-f]{32}$/), attempt: z.int().min(0).max(255) })
    .optional(),
  value: z.string(),
});

const End = z.strictObject({ end: z.literal(true), records: Count });

export interface PartitionHeader {
  readonly partition: string;
  readonly head: number;
  readonly trimmedTo: number;
}

export function headerLine({ partition, head, trimmedTo }: PartitionHeader): string {
  return lineOf({ mendlog: 'partition', format: FORMAT, partition, head, trimmedTo });
}

export function recordLine(frame: Uint8Array): string {
  const { version, timeMs, key, tombstone, append, value } = decodeFrame(frame);
  return lineOf({
    version: formatVersion(version),
    timeMs,
    key,
    tombstone,
    append: append && { id: asBuffer(append.id).toString('hex'), attempt: append.attempt },
    value: asBuffer(value).toString('base64'),
  });
}

export function endLine(records: number): string {
  return lineOf({ end: true, records });
}

/** Throws MALFORMED, or FORMAT_UNKNOWN of a later format. */
export function readHeader(line: string): PartitionHeader {
  const { format, partition, head, trimmedTo } = checked(Header, parsed(line));
  if (format !== FORMAT) {
    throw new MendlogError(
      'FORMAT_UNKNOWN',
      `the export has format ${format}, and this version of Mendlog knows format ${FORMAT}`,
    );
  }
  checkPartitionName(partition);
  return { partition, head, trimmedTo };
}

/** The frame of a record's line, or how many records the last line counts. Throws MALFORMED. */
export function readLine(line: string): { readonly frame: Uint8Array } | { readonly records: number } {
  const content = parsed(line);
  const end = End.safeParse(content);
  return end.success ? { records: end.data.records } : { frame: frameOf(checked(Line, content)) };
}

function frameOf({ version, timeMs, key, tombstone, append, value }: z.infer<typeof Line>): Uint8Array {
  const { counter, origin } = parseRecordId(version);
  if (origin === undefined || counter === 0)
    throw new MendlogError('MALFORMED', `${version} is no full version`);
  const bytes = Buffer.from(value, 'base64');
  // Node.js passes over what is not base64, and over bits behind the last byte.
  if (bytes.toString('base64') !== value) throw new MendlogError('MALFORMED', 'its value is not in base64');
  const frame = encodeFrame({
    version: { counter, origin },
    timeMs,
    value: bytes,
    ...(key === undefined ? {} : { key }),
    ...(tombstone === undefined ? {} : { tombstone }),
    ...(append === undefined
      ? {}
      : { append: { id: Buffer.from(append.id, 'hex'), attempt: append.attempt } }),
  });
  checkFrame(new DataView(frame.buffer), 0, frame.length);
  return frame;
}

function lineOf(content: object): string {
  return `${JSON.stringify(content)}\n`;
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new MendlogError('MALFORMED', 'it is not JSON', { cause });
  }
}

function checked<Output>(schema: z.ZodType<Output>, content: unknown): Output {
  const result = schema.safeParse(content);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const where = issue === undefined || issue.path.length === 0 ? '' : `${issue.path.join('.')}: `;
  throw new MendlogError('MALFORMED', `${where}${issue?.message}`, { cause: result.error });
}
