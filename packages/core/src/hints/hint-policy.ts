/**
 * What becomes of a hint: the rules of hinted handoff (after DeCandia et al., "Dynamo", SOSP 2007),
 * without a clock.
 *
 * A hint says that a target has not acknowledged a record. It is replayed in order once the target
 * is alive. An attempt is a batch that failed at a target believed alive; a target that is down
 * costs none. Between attempts the wait doubles, with jitter so that coordinators do not return in
 * step. A hint ends as replayed, expired (by age), failed (by attempts) or dropped (by hand); the
 * last three leave the target without the record, which anti-entropy must then bring.
 */

export interface HintPolicy {
  readonly expiryMs: number;
  readonly attemptsMax: number;
  readonly backoffMs: number;
  readonly backoffMaxMs: number;
}

export const HINT_POLICY_DEFAULT: HintPolicy = {
  expiryMs: 3 * 60 * 60 * 1000,
  attemptsMax: 3,
  backoffMs: 1000,
  backoffMaxMs: 60_000,
};

export interface HintState {
  readonly createdAtMs: number;
  readonly attempts: number;
  readonly nextAttemptAtMs: number;
}

export type HintDecision =
  | { readonly do: 'replay' }
  | { readonly do: 'wait'; readonly untilMs: number }
  | { readonly do: 'end'; readonly as: 'expired' | 'failed' };

/** What to do with a hint whose target is alive. */
export function decideHint(hint: HintState, nowMs: number, policy: HintPolicy): HintDecision {
  if (nowMs >= hint.createdAtMs + policy.expiryMs) return { do: 'end', as: 'expired' };
  if (hint.attempts >= policy.attemptsMax) return { do: 'end', as: 'failed' };
  if (nowMs < hint.nextAttemptAtMs) return { do: 'wait', untilMs: hint.nextAttemptAtMs };
  return { do: 'replay' };
}

/** The hint after a failed attempt. `jitter` is a random number from 0 up to 1. */
export function hintAfterFailure(
  hint: HintState,
  nowMs: number,
  jitter: number,
  policy: HintPolicy,
): HintState {
  const attempts = hint.attempts + 1;
  const fullMs = Math.min(policy.backoffMs * 2 ** (attempts - 1), policy.backoffMaxMs);
  return { ...hint, attempts, nextAttemptAtMs: nowMs + Math.round(fullMs * (0.5 + jitter / 2)) };
}
