/**
 * What a replica says of keys it is asked for: who holds each, without its value.
 *
 *   per key 34 bytes: state u8 | attempt u8 | version 16 | tag 16
 *
 * "Absent" is an answer. "Unknown" is none: the replica knows of a holder whose bytes the disk has changed. Nor is "no
 * vote": its store is a new one, which may lack what the one before has acknowledged.
 */
import { TAG_BYTES } from '../digest/kernel.js';
import { MendlogError } from '../errors.js';
import { compareClaims, type KeyClaim } from '../record-key.js';
import { readVersion, VERSION_BYTES, writeVersion } from '../version.js';
import { compareTags } from './listing.js';

/** Where the version lies in the state of a key, and where its tag. */
export const CLAIM_VERSION_AT = 2;
export const CLAIM_TAG_AT = CLAIM_VERSION_AT + VERSION_BYTES;
export const KEY_CLAIM_BYTES = CLAIM_TAG_AT + TAG_BYTES;
/** States as they travel. */
export const KEY_ABSENT = 0;
export const KEY_UNKNOWN = 1;
export const KEY_HELD = 2;

export interface KeyHolding extends KeyClaim {
  readonly tag: Uint8Array;
}

export type KeyState = KeyHolding | 'absent' | 'unknown' | 'no vote';

const STATES = ['absent', 'unknown', 'held', 'no vote'] as const;

export function packKeyStates(states: readonly KeyState[]): Uint8Array {
  const packed = new Uint8Array(states.length * KEY_CLAIM_BYTES);
  const view = new DataView(packed.buffer);
  for (let i = 0, at = 0; i < states.length; i++, at += KEY_CLAIM_BYTES) {
    const state = states[i] as KeyState;
    if (typeof state === 'string') {
      packed[at] = STATES.indexOf(state);
      continue;
    }
    packed[at] = STATES.indexOf('held');
    packed[at + 1] = state.attempt;
    writeVersion(view, at + 2, state.version);
    packed.set(state.tag, at + 2 + VERSION_BYTES);
  }
  return packed;
}

/** Throws MALFORMED where these are not the states of so many keys. */
export function unpackKeyStates(packed: Uint8Array, keys: number): KeyState[] {
  if (packed.length !== keys * KEY_CLAIM_BYTES)
    throw new MendlogError('MALFORMED', `the states of ${keys} keys have another length`);
  const view = new DataView(packed.buffer, packed.byteOffset, packed.length);
  const states: KeyState[] = [];
  for (let at = 0; at < packed.length; at += KEY_CLAIM_BYTES) {
    const state = STATES[packed[at] as number];
    if (state === undefined) throw new MendlogError('MALFORMED', 'a key has an unknown state');
    if (state !== 'held') states.push(state);
    else {
      const tagAt = at + 2 + VERSION_BYTES;
      states.push({
        attempt: packed[at + 1] as number,
        version: readVersion(view, at + 2),
        tag: packed.subarray(tagAt, tagAt + TAG_BYTES),
      });
    }
  }
  return states;
}

/** Above 0 where `a` stays; of two records of one version the one with the higher tag does. */
export function compareHoldings(a: KeyHolding, b: KeyHolding): number {
  return compareClaims(a, b) || compareTags(a.tag, b.tag);
}
