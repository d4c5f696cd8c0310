/**
 * Versions: Lamport timestamps (counter, origin), after Lamport, "Time, Clocks, and the
 * Ordering of Events in a Distributed System" (CACM 1978).
 *
 * `counter` is a safe integer from 1. `origin` is the random 64-bit incarnation of the node
 * that coordinated the write, fresh at each start, so that no version is ever issued twice.
 * In memory and as text an origin is 13 digits of Crockford's base 32, whose alphabet
 * ascends in ASCII: comparing two origins as strings compares the numbers.
 */
import { MendlogError } from './errors.js';

export interface Version {
  readonly counter: number;
  readonly origin: string;
}

/** Bytes of an encoded version: counter, then origin, both u64 big-endian, so that bytes sort as versions do. */
export const VERSION_BYTES = 16;

const DIGITS = '0123456789abcdefghjkmnpqrstvwxyz';
export const ORIGIN_PATTERN = /^[0-9a-f][0-9a-hjkmnp-tv-z]{12}$/;
const COUNTER_PATTERN = /^(?:0|[1-9][0-9]{0,15})$/;
const UINT32 = 2 ** 32;

export const ORIGIN_LOWEST = '0'.repeat(13);
export const ORIGIN_HIGHEST = `f${'z'.repeat(12)}`;

/** Below every version that is ever issued. */
export const VERSION_LOWEST: Version = { counter: 0, origin: ORIGIN_LOWEST };
/** Above every version that is ever issued. */
export const VERSION_HIGHEST: Version = { counter: Number.MAX_SAFE_INTEGER, origin: ORIGIN_HIGHEST };

export function compareVersions(a: Version, b: Version): number {
  if (a.counter !== b.counter) return a.counter < b.counter ? -1 : 1;
  if (a.origin === b.origin) return 0;
  return a.origin < b.origin ? -1 : 1;
}

export function formatVersion(version: Version): string {
  return `${version.counter}-${version.origin}`;
}

/** The least version above this one; undefined above the highest. */
export function versionAfter({ counter, origin }: Version): Version | undefined {
  if (origin < ORIGIN_HIGHEST) return { counter, origin: originFromBits(bitsOfOrigin(origin) + 1n) };
  return counter < Number.MAX_SAFE_INTEGER ? { counter: counter + 1, origin: ORIGIN_LOWEST } : undefined;
}

/** The greatest version below this one; undefined below the lowest. */
export function versionBefore({ counter, origin }: Version): Version | undefined {
  if (origin > ORIGIN_LOWEST) return { counter, origin: originFromBits(bitsOfOrigin(origin) - 1n) };
  return counter > 0 ? { counter: counter - 1, origin: ORIGIN_HIGHEST } : undefined;
}

export function laterVersion(a: Version, b: Version): Version {
  return compareVersions(a, b) >= 0 ? a : b;
}

/** A full version, or a bare counter, which stands for whichever record carries it. */
export interface RecordId {
  readonly counter: number;
  readonly origin?: string;
}

/** Reads `1042-0k3v9x2m7q1ab` or `1042`. Throws BAD_REQUEST for anything else. */
export function parseRecordId(text: string): RecordId {
  const dash = text.indexOf('-');
  const counterText = dash === -1 ? text : text.slice(0, dash);
  const origin = dash === -1 ? undefined : text.slice(dash + 1);
  const counter = Number(counterText);
  const valid =
    COUNTER_PATTERN.test(counterText) &&
    Number.isSafeInteger(counter) &&
    (origin === undefined || ORIGIN_PATTERN.test(origin));
  if (!valid) {
    throw new MendlogError(
      'BAD_REQUEST',
      'a record id is a counter such as 1042 or a version such as 1042-0k3v9x2m7q1ab',
    );
  }
  return origin === undefined ? { counter } : { counter, origin };
}

/** The origin of 64 random bits. */
export function originFromBits(bits: bigint): string {
  let digits = '';
  let rest = BigInt.asUintN(64, bits);
  for (let i = 0; i < 13; i++) {
    digits = DIGITS.charAt(Number(rest & 31n)) + digits;
    rest >>= 5n;
  }
  return digits;
}

function bitsOfOrigin(origin: string): bigint {
  let bits = 0n;
  for (const digit of origin) bits = (bits << 5n) | BigInt(DIGITS.indexOf(digit));
  return bits;
}

// A cluster has few incarnations alive at a time, and each is converted once a record:
// both directions are remembered, and forgotten together when strangers fill the table.
const REMEMBERED_ORIGINS_MAX = 4096;
const originOfBits = new Map<number, Map<number, string>>();
const bitsOfOrigins = new Map<string, readonly [high: number, low: number]>();

function remember(origin: string, high: number, low: number): void {
  if (bitsOfOrigins.size >= REMEMBERED_ORIGINS_MAX) {
    bitsOfOrigins.clear();
    originOfBits.clear();
  }
  bitsOfOrigins.set(origin, [high, low]);
  const byLow = originOfBits.get(high);
  if (byLow === undefined) originOfBits.set(high, new Map([[low, origin]]));
  else byLow.set(low, origin);
}

/** Writes 16 bytes at `offset`. */
export function writeVersion(view: DataView, offset: number, version: Version): void {
  view.setUint32(offset, Math.floor(version.counter / UINT32));
  view.setUint32(offset + 4, version.counter % UINT32);
  let bits = bitsOfOrigins.get(version.origin);
  if (bits === undefined) {
    if (!ORIGIN_PATTERN.test(version.origin)) throw new TypeError(`not an origin: ${version.origin}`);
    const number = bitsOfOrigin(version.origin);
    bits = [Number(number >> 32n), Number(number & 0xffff_ffffn)];
    remember(version.origin, bits[0], bits[1]);
  }
  view.setUint32(offset + 8, bits[0]);
  view.setUint32(offset + 12, bits[1]);
}

/** Reads 16 bytes at `offset`. Throws MALFORMED where the counter is not a safe integer. */
export function readVersion(view: DataView, offset: number): Version {
  return { counter: readCounter(view, offset), origin: readOrigin(view, offset + 8) };
}

/** The version of these 16 bytes against another one, as compareVersions(). */
export function compareVersionAt(view: DataView, offset: number, version: Version): number {
  const counter = readCounter(view, offset);
  if (counter !== version.counter) return counter < version.counter ? -1 : 1;
  return compareVersions(readVersion(view, offset), version);
}

/** Reads a u64 that must be a safe integer. */
export function readCounter(view: DataView, offset: number): number {
  const number = view.getUint32(offset) * UINT32 + view.getUint32(offset + 4);
  if (!Number.isSafeInteger(number)) throw new MendlogError('MALFORMED', 'a 64-bit number is above 2^53 - 1');
  return number;
}

function readOrigin(view: DataView, offset: number): string {
  const high = view.getUint32(offset);
  const low = view.getUint32(offset + 4);
  const known = originOfBits.get(high)?.get(low);
  if (known !== undefined) return known;
  const origin = originFromBits((BigInt(high) << 32n) | BigInt(low));
  remember(origin, high, low);
  return origin;
}
