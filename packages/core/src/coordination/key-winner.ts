/** Which record holds a key, by the answers of several replicas, and which of them lack it. */
import { compareHoldings, type KeyHolding } from '../protocol/key-claims.js';
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
