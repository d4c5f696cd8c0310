/**
 * Which records of a quorum's page others have replaced meanwhile. A replica that lacks a record lacks it either
 * because it has not come there, or because it holds a newer one of the key, perhaps on another page. Its listing
 * does not tell the two apart, so such keys are looked up, and what holds each takes the place of the rest.
 */
import { frameKey, frameVersion } from '../record.js';
import { compareClaims, type RecordKey } from '../record-key.js';
import { compareVersions, formatVersion, type Version } from '../version.js';

/** The keys of frames whose versions some asked replica lacks, each once. */
export function doubtfulKeys(
  frames: readonly Uint8Array[],
  missing: ReadonlyMap<string, readonly Version[]>,
): RecordKey[] {
  const lacked = new Set([...missing.values()].flatMap((versions) => versions.map(formatVersion)));
  if (lacked.size === 0) return [];
  const keys = new Map<string, RecordKey>();
  for (const frame of frames) {
    const key = lacked.has(formatVersion(frameVersion(frame))) ? frameKey(frame)?.key : undefined;
    if (key !== undefined) keys.set(nameOf(key), key);
  }
  return [...keys.values()];
}

/**
 * The page, ascending, with of each of these keys only what holds it: the frame that was found, where it beats what
 * the page has. It is on this page only where `isInside` says so of its version. Of a key that nobody holds any more
 * nothing is: its tombstone was purged after somebody had listed what it deleted. The page may be in either order.
 */
export function withoutSuperseded(
  frames: readonly Uint8Array[],
  found: readonly { readonly key: RecordKey; readonly frame: Uint8Array | undefined }[],
  isInside: (version: Version) => boolean,
): Uint8Array[] {
  const holders = new Map(found.map(({ key, frame }) => [nameOf(key), frame]));
  // Of one that was found and one that was listed either may be the newer.
  for (const frame of frames) {
    const name = keyNameOf(frame);
    const holder = name === undefined ? undefined : holders.get(name);
    if (name !== undefined && holder !== undefined && compareFrames(frame, holder) > 0)
      holders.set(name, frame);
  }
  const page = frames.filter((frame) => {
    const name = keyNameOf(frame);
    return name === undefined || !holders.has(name);
  });
  for (const frame of holders.values())
    if (frame !== undefined && isInside(frameVersion(frame))) page.push(frame);
  return page.sort((a, b) => compareVersions(frameVersion(a), frameVersion(b)));
}

function compareFrames(a: Uint8Array, b: Uint8Array): number {
  const claimOf = (frame: Uint8Array) => ({
    attempt: frameKey(frame)?.attempt ?? 0,
    version: frameVersion(frame),
  });
  return compareClaims(claimOf(a), claimOf(b));
}

function keyNameOf(frame: Uint8Array): string | undefined {
  const key = frameKey(frame)?.key;
  return key === undefined ? undefined : nameOf(key);
}

function nameOf(key: RecordKey): string {
  return String.fromCharCode(...key);
}
