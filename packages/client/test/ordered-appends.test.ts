// Ordered appends: against a log that a test keeps itself, whose answers are lost, refused and late as a seed says.
import { type Draft, LIMITS, MendlogError } from '@mendlog/core';
import { Seeded } from '@mendlog/core/conformance';
import { expect, test } from 'vitest';
import { OrderedAppends } from '../src/ordered-appends.js';
import type { WriteBatcher, WriteHow, WriteResult } from '../src/write-batcher.js';

const HOW: WriteHow = { level: 'QUORUM', order: undefined };
const ready = async () => {};

interface Stored {
  readonly value: string;
  readonly attempt: number;
  readonly id: number;
}

const CODES = {
  refused: 'UNAVAILABLE',
  overtaken: 'TRIMMED',
  'stored, answer lost': 'CONNECTION_LOST',
  lost: 'CONNECTION_LOST',
} as const;
type Fate = 'acknowledged' | keyof typeof CODES;

/** Stores a record per append key as the nodes do: the highest attempt stays. */
class TestLog implements Pick<WriteBatcher, 'write'> {
  readonly stored = new Map<string, Stored>();
  readonly turns: number[] = [];
  #underWay = 0;
  #turn: { count: number } | undefined;
  #head = 0;
  readonly #fateOf: (turn: number) => Fate;

  constructor(fateOf: (turn: number) => Fate) {
    this.#fateOf = fateOf;
  }

  get records(): Stored[] {
    return [...this.stored.values()].sort((a, b) => a.id - b.id);
  }

  async write(_: string, { keyPart, value }: Draft): Promise<WriteResult> {
    // All that is called in one turn is one request, with one fate for each.
    if (this.#turn === undefined) {
      expect(this.#underWay, 'requests under way').toBe(0);
      const turn = { count: 0 };
      this.#turn = turn;
      queueMicrotask(() => {
        this.#turn = undefined;
        this.turns.push(turn.count);
      });
    }
    this.#turn.count++;
    this.#underWay++;
    const id = ++this.#head;
    const fate = this.#fateOf(id);
    if (fate === 'acknowledged' || fate === 'stored, answer lost') {
      const attempt = keyPart[0] ?? 0;
      const key = Buffer.from(keyPart.subarray(1)).toString('hex');
      if (attempt >= (this.stored.get(key)?.attempt ?? -1))
        this.stored.set(key, { value: Buffer.from(value).toString(), attempt, id });
    }
    await new Promise((resolve) => setImmediate(resolve));
    this.#underWay--;
    if (fate === 'acknowledged') return { version: `${id}-0000000000001`, id, acks: 2 };
    throw new MendlogError(CODES[fate], fate);
  }
}

test('ordered appends: what is called while a batch is under way is one batch, and the next', async () => {
  const log = new TestLog(() => 'acknowledged');
  const appends = new OrderedAppends(log, ready);
  const append = (i: number) => appends.append('p', Buffer.from(String(i)), HOW);
  const first = append(0);
  await new Promise((resolve) => setImmediate(resolve));
  const others = Array.from({ length: 99 }, (_, i) => append(i + 1));
  const results = await Promise.all([first, ...others]);
  expect(log.turns).toEqual([1, 99]);
  expect(results.map(({ id }) => id)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
});

const seeds = Array.from({ length: 8 }, () => Math.floor(Math.random() * 2 ** 31));
test.each(process.env.MENDLOG_SEED === undefined ? seeds : [Number(process.env.MENDLOG_SEED)])(
  'ordered appends: those that are acknowledged are in the order of their calls, each once (MENDLOG_SEED=%s)',
  async (seed) => {
    const seeded = new Seeded(seed);
    const fates: readonly Fate[] = ['refused', 'overtaken', 'stored, answer lost', 'lost'];
    const log = new TestLog(() => (seeded.percent(95) ? 'acknowledged' : seeded.of(fates)));
    const appends = new OrderedAppends(log, ready);
    const outcomes: Promise<PromiseSettledResult<WriteResult>[]>[] = [];
    for (let burst = 0; burst < 8; burst++) {
      const values = Array.from({ length: seeded.between(1, 10) }, (_, i) => `${burst}-${i}`);
      outcomes.push(Promise.allSettled(values.map((value) => appends.append('p', Buffer.from(value), HOW))));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const acknowledged = (await Promise.all(outcomes))
      .flat()
      .flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value.id] : []));
    expect(acknowledged.length).toBeGreaterThan(0);
    expect(acknowledged).toEqual([...acknowledged].sort((a, b) => a - b));
    const ids = new Set(log.records.map(({ id }) => id));
    for (const id of acknowledged) expect(ids).toContain(id);
  },
);

test('ordered appends: of an append that stays unknown the later ones are not held up for ever (attempts=4)', async () => {
  let calls = 0;
  const log = new TestLog(() => (++calls <= 4 ? 'lost' : 'acknowledged'));
  const appends = new OrderedAppends(log, ready);
  const lost = appends.append('p', Buffer.from('lost'), HOW);
  await new Promise((resolve) => setImmediate(resolve));
  const next = appends.append('p', Buffer.from('next'), HOW);
  await expect(lost).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
  expect(await next).toMatchObject({ id: 5 });
});

test('ordered appends: one that a trim overtook goes again, and those after it too, in their order', async () => {
  let calls = 0;
  const log = new TestLog(() => (++calls === 2 ? 'overtaken' : 'acknowledged'));
  const appends = new OrderedAppends(log, ready);
  const results = await Promise.all(
    ['a', 'b', 'c'].map((value) => appends.append('p', Buffer.from(value), HOW)),
  );
  expect(results.map(({ id }) => id)).toEqual([1, 4, 5]);
  expect(log.records.map(({ value }) => value)).toEqual(['a', 'b', 'c']);
});

test('ordered appends: what is refused and never stored is refused as it is', async () => {
  const appends = new OrderedAppends(new TestLog(() => 'refused'), ready);
  await expect(appends.append('p', Buffer.from('x'), HOW)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
});

test('ordered appends: where no node is known it says so, and the next are tried', async () => {
  const states = [new MendlogError('UNREACHABLE', 'no node'), undefined];
  const appends = new OrderedAppends(new TestLog(() => 'acknowledged'), async () => {
    const error = states.shift();
    if (error !== undefined) throw error;
  });
  await expect(appends.append('p', Buffer.from('x'), HOW)).rejects.toMatchObject({ code: 'UNREACHABLE' });
  expect(await appends.append('p', Buffer.from('y'), HOW)).toMatchObject({ id: 1 });
});

test('ordered appends: waiting bytes are bounded, and what was called before is not harmed (SPEC I8)', async () => {
  const log = new TestLog(() => 'acknowledged');
  const appends = new OrderedAppends(log, ready);
  const value = Buffer.alloc(LIMITS.valueBytesMax - 100);
  const fits = Math.floor(LIMITS.writeQueueBytesMax / LIMITS.valueBytesMax);
  const waiting = Array.from({ length: fits }, () => appends.append('p', value, HOW));
  await expect(appends.append('p', value, HOW)).rejects.toMatchObject({ code: 'OVERLOADED' });
  await Promise.all(waiting);
  await appends.append('p', value, HOW);
});
