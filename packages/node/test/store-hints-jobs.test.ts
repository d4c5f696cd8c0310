// What a store keeps beside records: hints and jobs.
import { type HintBatch, type Job, jobStarted, newJob, VERSION_BYTES, writeVersion } from '@mendlog/core';
import { describe, expect, test } from 'vitest';
import { frame, groupOf, version } from './records.js';
import { ENGINES, TestStore } from './test-store.js';

function hint(target: string, ...counters: number[]): HintBatch {
  const versions = new Uint8Array(counters.length * VERSION_BYTES);
  const view = new DataView(versions.buffer);
  for (const [i, counter] of counters.entries()) writeVersion(view, i * VERSION_BYTES, version(counter));
  return {
    target,
    createdAtMs: 1_700_000_000_000,
    attempts: 0,
    nextAttemptAtMs: 0,
    groups: [{ partition: 'orders', versions }],
  };
}

/** Without regard to the kind of byte array. */
function plain<Hint extends HintBatch>(hint: Hint) {
  const groups = hint.groups.map(({ partition, versions }) => ({ partition, versions: [...versions] }));
  return { ...hint, groups };
}

const sequencesOf = (hints: readonly { sequence: number }[]) => hints.map(({ sequence }) => sequence);

describe.each(ENGINES)('store (engine=%s)', (engine) => {
  test('store: hints come back as they were put, in order, also after a restart', async () => {
    await using opened = new TestStore({ engine });
    await opened.store.apply([groupOf('orders', [frame(1)])], [hint('n2', 1), hint('n3', 1)]);
    await opened.store.apply([], [hint('n2', 2, 3)]);
    for (const when of ['before', 'after']) {
      expect(opened.store.hints({ target: 'n2', limit: 10 }).map(plain)).toEqual([
        { ...plain(hint('n2', 1)), sequence: 1 },
        { ...plain(hint('n2', 2, 3)), sequence: 3 },
      ]);
      expect(sequencesOf(opened.store.hints({ target: 'n3', limit: 10 }))).toEqual([2]);
      if (when === 'before') await opened.reopen();
    }
    await opened.store.apply([], [hint('n2', 4)]);
    expect(sequencesOf(opened.store.hints({ target: 'n2', limit: 10 }))).toEqual([1, 3, 4]);
  });

  test('store: hints are read page by page (limit, after)', async () => {
    await using opened = new TestStore({ engine });
    await opened.store.apply([], [hint('n2', 1), hint('n2', 2), hint('n2', 3), hint('n2', 4)]);
    expect(sequencesOf(opened.store.hints({ target: 'n2', limit: 3 }))).toEqual([1, 2, 3]);
    expect(sequencesOf(opened.store.hints({ target: 'n2', after: 3, limit: 3 }))).toEqual([4]);
    expect(opened.store.hints({ target: 'n2', after: 4, limit: 3 })).toEqual([]);
  });

  test('store: the hints of one target are its own (one name begins as another)', async () => {
    await using opened = new TestStore({ engine });
    await opened.store.apply([], [hint('n1', 1), hint('n10', 2), hint('n', 3), hint('n1.', 4)]);
    for (const [target, sequence] of [
      ['n1', 1],
      ['n10', 2],
      ['n', 3],
      ['n1.', 4],
    ] as const) {
      expect(sequencesOf(opened.store.hints({ target, limit: 10 }))).toEqual([sequence]);
    }
    expect(opened.store.hints({ limit: 10 })).toHaveLength(4);
  });

  test('store: a hint is changed in place, and gone once deleted', async () => {
    await using opened = new TestStore({ engine });
    await opened.store.apply([], [hint('n2', 1), hint('n2', 2)]);
    const [first, second] = opened.store.hints({ target: 'n2', limit: 2 });
    if (first === undefined || second === undefined) throw new Error('two hints were put');
    await opened.store.putHint({ ...first, attempts: 2, nextAttemptAtMs: 77 });
    await opened.store.deleteHints([second]);
    await opened.reopen();
    expect(opened.store.hints({ target: 'n2', limit: 10 })).toEqual([
      { ...first, attempts: 2, nextAttemptAtMs: 77 },
    ]);
    await opened.store.deleteHints([first, second]);
    expect(opened.store.hints({ limit: 10 })).toEqual([]);
  });

  test('store: jobs are put, changed and deleted, and survive a restart', async () => {
    await using opened = new TestStore({ engine });
    const jobs: Job[] = ['a', 'b', 'c'].map((id) =>
      newJob({ id, partition: 'orders', nodes: ['n1', 'n2'], reason: 'manual' }, 5),
    );
    for (const job of jobs) await opened.store.putJob(job);
    const [a, b, c] = jobs as [Job, Job, Job];
    await opened.store.putJob(jobStarted(b, 6));
    await opened.store.deleteJobs([c.id]);
    await opened.reopen();
    expect(opened.store.jobs().sort((x, y) => (x.id < y.id ? -1 : 1))).toEqual([a, jobStarted(b, 6)]);
  });
});
