import { draftOf } from '@mendlog/core';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { NodePool } from '../src/node-pool.js';
import { SeenCounters } from '../src/seen-counters.js';
import { WriteBatcher } from '../src/write-batcher.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'performance'] });
});

afterEach(() => {
  vi.useRealTimers();
});

const HOW = { level: undefined, order: undefined };

/** Nodes that answer a request, of one partition, when they are told to; each is asked for the partition of its name. */
class Nodes {
  /** Of each request that is not answered how its answer is given. */
  readonly requests: { readonly node: string; readonly answer: () => void }[] = [];
  readonly #connections = new Map<string, object>();

  get pool(): NodePool {
    const pick = (partition: string) => {
      const known = this.#connections.get(partition) ?? this.#connection(partition);
      this.#connections.set(partition, known);
      return known;
    };
    return { pick } as unknown as NodePool;
  }

  async answer(): Promise<void> {
    this.requests.shift()?.answer();
    await turn();
  }

  #connection(node: string): object {
    const mutate = () =>
      new Promise((resolve) => {
        const answer = { counters: [1], acks: [2], origins: ['0k3v9x2m7q1ab'], originOf: [0], refused: [] };
        this.requests.push({ node, answer: () => resolve(answer) });
      });
    return { isOpen: true, call: { batches: { write: { mutate } } } };
  }
}

/** What is ready now is done. */
async function turn(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
}

function writerOf(nodes: Nodes) {
  const batcher = new WriteBatcher(nodes.pool, new SeenCounters(), 5000);
  return (node: string) => batcher.write(node, draftOf({ value: new Uint8Array(1) }), HOW);
}

describe('write batcher', () => {
  test('write batcher: after an answer calls gather while another node is to answer, and no longer', async () => {
    const nodes = new Nodes();
    const write = writerOf(nodes);
    const first = write('a');
    await turn();
    await vi.advanceTimersByTimeAsync(12);
    const other = write('b');
    await turn();
    await nodes.answer();
    await first;
    const next = [write('a'), write('a')];
    await turn();
    expect(nodes.requests.map(({ node }) => node)).toEqual(['b']);
    await nodes.answer();
    await other;
    // One request, and at once: no other answer is awaited any more.
    expect(nodes.requests.map(({ node }) => node)).toEqual(['a']);
    await nodes.answer();
    await Promise.all(next);
  });

  test('write batcher: a node that does not answer has nobody gather for it', async () => {
    const nodes = new Nodes();
    const write = writerOf(nodes);
    void write('silent');
    await turn();
    const silent = nodes.requests.pop();
    await vi.advanceTimersByTimeAsync(20);
    const first = write('a');
    await turn();
    await vi.advanceTimersByTimeAsync(12);
    await nodes.answer();
    await first;
    void write('a');
    await turn();
    expect(nodes.requests.map(({ node }) => node)).toEqual(['a']);
    expect(silent?.node).toBe('silent');
  });
});
