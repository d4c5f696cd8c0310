import { expect, test } from 'vitest';
import {
  decideHint,
  HINT_POLICY_DEFAULT,
  type HintState,
  hintAfterFailure,
} from '../src/hints/hint-policy.js';

const policy = { expiryMs: 10_000, attemptsMax: 3, backoffMs: 100, backoffMaxMs: 250 };
const fresh: HintState = { createdAtMs: 1_000, attempts: 0, nextAttemptAtMs: 0 };

test('hint policy: a fresh hint is replayed', () => {
  expect(decideHint(fresh, 1_000, policy)).toEqual({ do: 'replay' });
});

test('hint policy: it expires at its age, whatever its attempts', () => {
  expect(decideHint(fresh, 10_999, policy)).toEqual({ do: 'replay' });
  expect(decideHint(fresh, 11_000, policy)).toEqual({ do: 'end', as: 'expired' });
  expect(decideHint({ ...fresh, attempts: 3, nextAttemptAtMs: 99_999 }, 11_000, policy)).toEqual({
    do: 'end',
    as: 'expired',
  });
});

test('hint policy: it waits for its next attempt', () => {
  const hint = { ...fresh, attempts: 1, nextAttemptAtMs: 2_000 };
  expect(decideHint(hint, 1_999, policy)).toEqual({ do: 'wait', untilMs: 2_000 });
  expect(decideHint(hint, 2_000, policy)).toEqual({ do: 'replay' });
});

test('hint policy: it fails after its last attempt, and waits no longer', () => {
  expect(decideHint({ ...fresh, attempts: 3, nextAttemptAtMs: 5_000 }, 2_000, policy)).toEqual({
    do: 'end',
    as: 'failed',
  });
});

test('hint policy: the wait doubles up to its maximum, half of it by chance (jitter=0, 1)', () => {
  const waits = [0, 1].map((jitter) => {
    let hint = fresh;
    return [1, 2, 3, 4].map((attempt) => {
      hint = hintAfterFailure(hint, 2_000, jitter, policy);
      expect(hint).toMatchObject({ createdAtMs: 1_000, attempts: attempt });
      return hint.nextAttemptAtMs - 2_000;
    });
  });
  expect(waits).toEqual([
    [50, 100, 125, 125],
    [100, 200, 250, 250],
  ]);
});

test('hint policy: by default three attempts in three hours', () => {
  expect(HINT_POLICY_DEFAULT).toMatchObject({ attemptsMax: 3, expiryMs: 10_800_000 });
});
