// The attempts of one append, against a batcher that a test makes answer as it likes.
import { type Draft, type ErrorCode, MendlogError } from '@mendlog/core';
import { describe, expect, test } from 'vitest';
import { appendOnce } from '../src/retried-append.js';
import { newRetryBudget } from '../src/retry-budget.js';
import type { WriteBatcher, WriteHow, WriteResult } from '../src/write-batcher.js';

const RESULT: WriteResult = { version: '7-0000000000001', id: 7, acks: 2 };
const HOW: WriteHow = { level: 'QUORUM', order: undefined };

/** busy: OVERLOADED by a node that says when to try again. */
type Answer = ErrorCode | 'done' | 'busy';

/** Answers attempt after attempt; the last answer stays. */
class ScriptedBatcher implements Pick<WriteBatcher, 'write'> {
  readonly drafts: Draft[] = [];
  readonly hows: WriteHow[] = [];
  readonly #answers: readonly Answer[];

  constructor(...answers: Answer[]) {
    this.#answers = answers;
  }

  async write(_: string, draft: Draft, how: WriteHow): Promise<WriteResult> {
    const answer = this.#answers[this.drafts.length] ?? this.#answers.at(-1) ?? 'done';
    this.drafts.push(draft);
    this.hows.push(how);
    if (answer === 'done') return RESULT;
    const [code, details] = answer === 'busy' ? (['OVERLOADED', { retryAfterMs: 1 }] as const) : [answer, {}];
    throw new MendlogError(code, `attempt ${this.drafts.length - 1}`, { details });
  }
}

const append = (batcher: ScriptedBatcher, budget = newRetryBudget()) =>
  appendOnce(batcher, 'p', { value: Buffer.from('x'), how: HOW, budget });

describe('retried append', () => {
  test('retried append: attempts of unknown outcome are followed by others of the same key, numbered (SPEC I9)', async () => {
    const batcher = new ScriptedBatcher('WRITE_TIMEOUT', 'CONNECTION_LOST', 'INTERNAL', 'done');
    expect(await append(batcher)).toEqual(RESULT);
    const keys = batcher.drafts.map(({ keyPart }) => Buffer.from(keyPart.subarray(1)).toString('hex'));
    expect(new Set(keys).size).toBe(1);
    expect(batcher.drafts.map(({ keyPart }) => keyPart[0])).toEqual([0, 1, 2, 3]);
    // Only the first retry looks what became of the attempt before.
    expect(batcher.hows.map(({ isRetry }) => isRetry === true)).toEqual([false, true, false, false]);
  });

  test.each<ErrorCode>(['UNAVAILABLE', 'OVERLOADED', 'UNREACHABLE', 'TOO_LARGE', 'CLOSED'])(
    'retried append: a first attempt of which nothing was written is refused as it is (%s)',
    async (code) => {
      const batcher = new ScriptedBatcher(code);
      await expect(append(batcher)).rejects.toMatchObject({ code });
      expect(batcher.drafts).toHaveLength(1);
    },
  );

  test('retried append: once an outcome is unknown, refusals of later attempts leave it unknown', async () => {
    for (const refusal of ['UNAVAILABLE', 'TOO_FEW_NODES'] as const) {
      const batcher = new ScriptedBatcher('CONNECTION_LOST', refusal);
      await expect(append(batcher)).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    }
  });

  test('retried append: attempts are bounded (SPEC I8)', async () => {
    const batcher = new ScriptedBatcher('WRITE_TIMEOUT');
    await expect(append(batcher)).rejects.toMatchObject({ code: 'WRITE_TIMEOUT', message: 'attempt 3' });
    expect(batcher.drafts).toHaveLength(4);
  });

  test('retried append: what a busy node refuses is sent again as the same attempt, a few times (SPEC I8, I9)', async () => {
    const batcher = new ScriptedBatcher('busy', 'CONNECTION_LOST', 'busy', 'done');
    expect(await append(batcher)).toEqual(RESULT);
    expect(batcher.drafts.map(({ keyPart }) => keyPart[0])).toEqual([0, 0, 1, 1]);
    const busy = new ScriptedBatcher('busy');
    await expect(append(busy)).rejects.toMatchObject({ code: 'OVERLOADED' });
    expect(busy.drafts).toHaveLength(4);
  });

  test.each<ErrorCode>(['TRIMMED', 'FENCED'])(
    'retried append: what was refused for its version alone is sent again as the same attempt, a few times (%s; SPEC I8, I9)',
    async (code) => {
      const batcher = new ScriptedBatcher(code, 'CONNECTION_LOST', code, 'done');
      expect(await append(batcher)).toEqual(RESULT);
      expect(batcher.drafts.map(({ keyPart }) => keyPart[0])).toEqual([0, 0, 1, 1]);
      const refusing = new ScriptedBatcher(code);
      await expect(append(refusing)).rejects.toMatchObject({ code });
      expect(refusing.drafts).toHaveLength(4);
    },
  );

  test('retried append: busy nodes get no more retries than a tenth of what goes through', async () => {
    const budget = newRetryBudget();
    while (budget.spend());
    const busy = new ScriptedBatcher('busy');
    await expect(append(busy, budget)).rejects.toMatchObject({ code: 'OVERLOADED' });
    expect(busy.drafts).toHaveLength(1);
    // A tenth each, and one more for what adding tenths leaves out.
    for (let i = 0; i <= 10; i++) await append(new ScriptedBatcher('done'), budget);
    const once = new ScriptedBatcher('busy');
    await expect(append(once, budget)).rejects.toMatchObject({ code: 'OVERLOADED' });
    expect(once.drafts).toHaveLength(2);
  });
});
