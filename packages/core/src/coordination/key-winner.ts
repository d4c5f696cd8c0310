/** Which record holds a key, by the answers of several replicas, and which of them lack it. */
import { compareHoldings, type KeyHolding } from '../protocol/key-claims.js';
import { compareVersions, type Version } from '../version.js';
import type { KeyAnswers } from './key-read-ports.js';

export interface Winner {
  readonly holding: KeyHolding;
  readonly frame: Uint8Array | undefined;
  readonly holder: string;
  readonly lacking: readonly string[];
  repaired: boolean;
}

/** Of the replicas' answers to one question the holder with the highest claim above every watermark. */
export function winnerOf(answers: ReadonlyMap<string, KeyAnswers>, i: number): Winner | undefined {
  let trimmedTo = 0;
  for (const answer of answers.values()) trimmedTo = Math.max(trimmedTo, answer.trimmedTo[i] ?? 0);
  let best: { holding: KeyHolding; node: string } | undefined;
  for (const [node, { states }] of answers) {
    const state = states[i];
    if (state === undefined || typeof state === 'string' || state.version.counter <= trimmedTo) continue;
    if (isPurged(answers, i, state.version)) continue;
    if (best === undefined || compareHoldings(state, best.holding) > 0) best = { holding: state, node };
  }
  if (best === undefined) return undefined;
  const { holding, node } = best;
  let frame: Uint8Array | undefined;
  const lacking: string[] = [];
  for (const [other, { states, frames }] of answers) {
    const state = states[i];
    const holds = state !== undefined && typeof state !== 'string' && compareHoldings(state, holding) === 0;
    if (holds) frame ??= frames[i];
    else lacking.push(other);
  }
  return { holding, frame, holder: node, lacking, repaired: false };
}

/** Whether a replica's answer to a question is this very holder: something newer may be gone elsewhere. */
export function isHeldBy({ states, trimmedTo }: KeyAnswers, i: number, holding: KeyHolding): boolean {
  const state = states[i];
  if (state === undefined || typeof state === 'string') return false;
  return state.version.counter > (trimmedTo[i] ?? 0) && compareHoldings(state, holding) === 0;
}

/**
 * Whether a replica has purged as far and does not hold it: then no replica did when it purged, and whoever said so told
 * of an earlier time. What has deleted it may be gone by now, and would not be found. Who has purged as far itself and
 * holds it knows better: then the other has lost it.
 */
function isPurged(answers: ReadonlyMap<string, KeyAnswers>, i: number, version: Version): boolean {
  let isLacked = false;
  for (const { states, purgedTo } of answers.values()) {
    const state = states[i];
    if (state === undefined || state === 'unknown' || state === 'no vote') continue;
    if (version.counter > (purgedTo[i] ?? 0)) continue;
    if (state !== 'absent' && compareVersions(state.version, version) === 0) return false;
    isLacked = true;
  }
  return isLacked;
}
