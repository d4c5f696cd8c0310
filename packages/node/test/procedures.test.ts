// What every procedure of a binary connection has in common, whether it is called through tRPC's middlewares or directly.
import { MendlogError } from '@mendlog/core';
import { callTRPCProcedure } from '@trpc/server';
import { beforeEach, describe, expect, test } from 'vitest';
import { CallGate } from '../src/api/call-gate.js';
import { errorShapeOf } from '../src/api/error-shape.js';
import type { RouterContext } from '../src/api/procedure.js';
import { abandonmentOf } from '../src/api/request-caller.js';
import { binaryRouter } from '../src/api/router.js';

interface Way {
  readonly how: string;
  readonly type: 'query' | 'mutation';
  readonly path: string;
  readonly input: unknown;
  readonly malformed: unknown;
  readonly valid: unknown;
}

/** Three quarters of the gate's, which clients get. */
const BYTES_FOR_A_CLIENT = 750;

const WAYS: readonly Way[] = [
  {
    how: 'through the middlewares',
    type: 'query',
    path: 'antiEntropy.preview',
    input: { partitionId: 'p1' },
    malformed: { partitionId: 7 },
    valid: { pairs: [] },
  },
  {
    how: 'directly',
    type: 'query',
    path: 'batches.tailEnd',
    input: { partition: 'p1' },
    malformed: { partition: 7 },
    valid: { node: 'node1', cursor: { arrival: 7, ordinal: 0 } },
  },
  {
    how: 'directly, by a peer',
    type: 'mutation',
    path: 'peer.trim',
    input: { partition: 'p1', counter: 5 },
    malformed: { partition: 'p1', counter: 'five' },
    valid: { trimmedTo: 5 },
  },
];

let gate: CallGate;
let asked: unknown[][];
let warned: unknown[];
let answer: () => unknown;

beforeEach(() => {
  gate = new CallGate({ isBusy: () => false, callsMax: 4, bytesMax: 1000 });
  asked = [];
  warned = [];
  answer = () => {
    throw new MendlogError('TRIMMED', 'the records are gone', { details: { to: 5 } });
  };
});

/** Resolves to the answer, or to what the caller is told instead. */
async function outcomeOf({ path, type }: Way, input: unknown, context: Partial<RouterContext> = {}) {
  const ask =
    (name: string) =>
    async (...args: unknown[]) => {
      asked.push([name, ...args]);
      return answer();
    };
  const service = { preview: ask('preview'), tailEnd: ask('tailEnd') };
  const peer = { trim: ask('trim') };
  const log = {
    debug() {},
    info() {},
    warn: (message: string, facts: unknown) => warned.push([message, facts]),
  };
  const ctx = {
    service,
    peer,
    log,
    isPeer: true,
    abandonment: abandonmentOf(new AbortController().signal),
    bytes: 100,
    gate,
    deadlineMs: Number.POSITIVE_INFINITY,
    ...context,
  };
  const call = { router: binaryRouter, path, type, ctx, getRawInput: async () => input };
  try {
    return await callTRPCProcedure({ ...call, signal: undefined, batchIndex: 0 });
  } catch (thrown) {
    return errorShapeOf(thrown);
  }
}

describe.each(WAYS)('procedures ($how)', (way) => {
  const { how, path, input, malformed, valid } = way;
  const name = path.split('.')[1] ?? '';

  test(`procedures: a MendlogError reaches the caller as it is, and is not logged (${how})`, async () => {
    const told = await outcomeOf(way, input);
    expect(told).toEqual({ code: 'TRIMMED', message: 'the records are gone', details: { to: 5 } });
    expect(asked.map(([what, partition]) => [what, partition])).toEqual([[name, 'p1']]);
    expect(warned).toEqual([]);
  });

  test(`procedures: what nobody foresaw is logged, and the caller is told no more than that (${how})`, async () => {
    const secret = new Error('a path of the machine');
    answer = () => {
      throw secret;
    };
    const told = await outcomeOf(way, input);
    expect(told).toEqual({ code: 'INTERNAL', message: 'an internal error; the node has logged it' });
    expect(warned).toEqual([['a procedure failed', { path, error: secret }]]);
  });

  test(`procedures: malformed input is refused by its name, and nothing is asked or logged (${how})`, async () => {
    const told = await outcomeOf(way, malformed);
    expect(told).toMatchObject({
      code: 'BAD_REQUEST',
      message: expect.stringMatching(/^(partition|counter)/),
    });
    expect([asked, warned]).toEqual([[], []]);
  });

  test(`procedures: an answer is given as it is (${how})`, async () => {
    answer = () => valid;
    expect(await outcomeOf(way, input)).toEqual(valid);
    expect([asked.length, warned]).toEqual([1, []]);
  });

  test(`procedures: a call counts while it is under way, with its bytes, however it ends (${how}; SPEC I8)`, async () => {
    let end = () => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    let begin = () => {};
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    answer = async () => {
      begin();
      await ended;
      return valid;
    };
    const outcome = outcomeOf(way, input, { bytes: BYTES_FOR_A_CLIENT });
    await begun;
    expect(gate.calls).toBe(1);
    end();
    expect(await outcome).toEqual(valid);
    answer = () => {
      throw new Error('unforeseen');
    };
    // Each has room only where the one before it has left its bytes.
    for (const what of [input, malformed, input]) {
      const told = await outcomeOf(way, what, { bytes: BYTES_FOR_A_CLIENT });
      expect(told).toMatchObject({ code: what === malformed ? 'BAD_REQUEST' : 'INTERNAL' });
      expect(gate.calls).toBe(0);
    }
  });

  test(`procedures: it is called as what it is, a query or a mutation (${how})`, async () => {
    const type = way.type === 'query' ? 'mutation' : 'query';
    expect(await outcomeOf({ ...way, type }, input)).toMatchObject({ code: 'NOT_FOUND' });
    expect(asked).toEqual([]);
  });

  test(`procedures: where there is no room a call is refused, and nothing is asked (${how}; SPEC I8)`, async () => {
    expect(await outcomeOf(way, input, { bytes: 1001 })).toMatchObject({ code: 'OVERLOADED' });
    expect([asked, gate.calls, gate.refused]).toEqual([[], 0, 1]);
  });

  test(`procedures: what waited until its caller had gone is not begun (${how})`, async () => {
    const gone = { code: 'REQUEST_TIMEOUT' };
    expect(await outcomeOf(way, input, { deadlineMs: performance.now() })).toMatchObject(gone);
    const abandonment = abandonmentOf(AbortSignal.abort());
    expect(await outcomeOf(way, input, { abandonment })).toMatchObject(gone);
    expect([asked, gate.calls]).toEqual([[], 0]);
  });
});

describe('procedures of peers', () => {
  const way = WAYS[2] as Way;

  test('procedures: a caller without the secret is refused, also where there is no room (SPEC I8)', async () => {
    for (const bytes of [100, 1001]) {
      expect(await outcomeOf(way, way.input, { isPeer: false, bytes })).toMatchObject({
        code: 'UNAUTHORIZED',
      });
    }
    expect([asked, gate.refused]).toEqual([[], 0]);
  });

  test('procedures: a gateway has none of the peers', async () => {
    expect(await outcomeOf(way, way.input, { peer: undefined })).toMatchObject({ code: 'NOT_FOUND' });
    expect(asked).toEqual([]);
  });
});

test('procedures: an answer that does not fit its schema is our fault, and is logged', async () => {
  const [way] = WAYS as [Way];
  answer = () => ({ partitionId: 7 });
  expect(await outcomeOf(way, way.input)).toMatchObject({ code: 'INTERNAL' });
  expect(warned).toEqual([['a procedure failed', expect.objectContaining({ path: way.path })]]);
});
