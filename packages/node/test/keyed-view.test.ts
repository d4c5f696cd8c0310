// Put, get, delete and retried appends on three nodes, as the service offers them.
import {
  appendKey,
  decodeFrame,
  encodeDraft,
  type KeyOutcome,
  type LogRecord,
  packItems,
  putKey,
  VERSION_HIGHEST,
  VERSION_LOWEST,
  type Version,
  type WriteOutcome,
} from '@mendlog/core';
import type { Service } from '@mendlog/node';
import { describe, expect, test } from 'vitest';
import { eventually } from './eventually.js';
import { frameOf, groupOf, version } from './records.js';
import { TestCluster } from './test-cluster.js';

type Draft = Omit<LogRecord, 'version' | 'timeMs'>;
const NO_VALUE = new Uint8Array(0);
const EVERYTHING = { from: VERSION_LOWEST, to: VERSION_HIGHEST, limit: 1000 };

async function write(service: Service, draft: Draft): Promise<WriteOutcome & { ok: true }> {
  const [outcome] = await service.write([packItems('settings', [encodeDraft(draft)])], { level: 'QUORUM' });
  if (outcome?.ok !== true) throw new Error(`not acknowledged: ${JSON.stringify(outcome)}`);
  return outcome;
}

const put = (service: Service, key: string, text: string) =>
  write(service, { key, value: Buffer.from(text) });

async function get(service: Service, key: string): Promise<KeyOutcome> {
  const [outcome] = await service.readKeys([{ partition: 'settings', key: putKey(key) }], 'QUORUM');
  if (outcome === undefined) throw new Error('no outcome');
  return outcome;
}

function textOf(outcome: KeyOutcome): string | undefined {
  if (!outcome.ok) throw new Error(outcome.error.code);
  return outcome.frame && Buffer.from(decodeFrame(outcome.frame).value).toString();
}

/** All that a scan shows. A page may end early, where a record on it was replaced between listing and reading. */
async function allPages(service: Service): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  for (let from: Version | undefined = VERSION_LOWEST; from !== undefined; ) {
    const page = await service.scan('settings', { ...EVERYTHING, from }, 'QUORUM');
    records.push(...page.frames.map((frame) => decodeFrame(frame)));
    from = page.next;
  }
  return records;
}

/** Also of a view on a message. */
function bytesOf(outcome: KeyOutcome | undefined): number[] | undefined {
  return outcome?.ok === true && outcome.frame !== undefined ? [...outcome.frame] : undefined;
}

describe('keyed view', () => {
  test('keyed view: every node reads what any node put last, and nothing of what was deleted (n=3, r=2, w=2)', async () => {
    await using cluster = await TestCluster.start();
    const [first, second, third] = cluster.services as [Service, Service, Service];
    expect(textOf(await get(first, 'colour'))).toBeUndefined();
    for (const [i, writer] of [first, second, third].entries()) {
      const { firstCounter } = await put(writer, 'colour', `by ${i}`);
      expect(firstCounter).toBe(i + 1);
      for (const reader of cluster.services) expect(textOf(await get(reader, 'colour'))).toBe(`by ${i}`);
    }
    await write(second, { key: 'colour', tombstone: true, value: NO_VALUE });
    for (const reader of cluster.services) {
      const outcome = await get(reader, 'colour');
      expect(outcome.ok && outcome.frame && decodeFrame(outcome.frame).tombstone).toBe(true);
    }
    await cluster.converged();
    const { frames } = await first.scan('settings', EVERYTHING, 'ALL');
    expect(frames).toHaveLength(1);
  });

  test('keyed view: a scan shows of a key only what holds it, whichever replica is behind (one page, several)', async () => {
    await using cluster = await TestCluster.start(3, { reconciliation: { intervalMs: 3_600_000 } });
    const [between, after] = [frameOf(6, 'between', {}), frameOf(12, 'after', {})];
    const onBoth = groupOf('settings', [between, after]);
    const behind = groupOf('settings', [
      frameOf(5, 'replaced', { key: 'k' }),
      frameOf(7, 'deleted', { key: 'd' }),
    ]);
    const newest = groupOf('settings', [
      frameOf(9, 'newest', { key: 'k' }),
      frameOf(10, '', { key: 'd', tombstone: true }),
    ]);
    await cluster.storeOnlyOn('n1', [onBoth, behind]);
    await cluster.storeOnlyOn('n2', [onBoth, newest]);
    const { service } = cluster.node('n3');
    const counters: number[][] = [];
    let from = VERSION_LOWEST;
    for (let page = 0; page < 5; page++) {
      const { frames, next } = await service.scan('settings', { ...EVERYTHING, from, limit: 2 }, 'ALL');
      counters.push(frames.map((frame) => decodeFrame(frame).version.counter));
      if (next === undefined) break;
      from = next;
    }
    expect(counters.flat()).toEqual([6, 9, 10, 12]);
    // What was behind has been given the newer ones before the answer.
    for (const id of cluster.ids) {
      const { frames } = await cluster.node(id).service.scan('settings', EVERYTHING, 'ONE');
      expect(frames.map((frame) => decodeFrame(frame).version.counter)).toEqual([6, 9, 10, 12]);
    }
  });

  test('keyed view: a read gives asked replicas what they lack before it answers (blocking read repair)', async () => {
    await using cluster = await TestCluster.start(3, { reconciliation: { intervalMs: 3_600_000 } });
    const newest = frameOf(9, 'newest', { key: 'k' });
    await cluster.storeOnlyOn('n1', [groupOf('settings', [frameOf(5, 'older', { key: 'k' })])]);
    await cluster.storeOnlyOn('n2', [groupOf('settings', [newest])]);
    const question = { partition: 'settings', key: putKey('k') };
    const [answer] = await cluster.node('n3').service.readKeys([question], 'ALL');
    expect(bytesOf(answer)).toEqual([...newest]);
    expect(answer).toMatchObject({ repaired: true });
    for (const id of cluster.ids) {
      const [alone] = await cluster.node(id).service.readKeys([question], 'ONE');
      expect(bytesOf(alone)).toEqual([...newest]);
    }
  });

  test('keyed view: a scan leaves out what is superseded on a replica that it asks (range below what superseded it)', async () => {
    await using cluster = await TestCluster.start(3, { reconciliation: { intervalMs: 3_600_000 } });
    await cluster.storeOnlyOn('n1', [groupOf('settings', [frameOf(5, 'older', { key: 'k' })])]);
    for (const id of ['n2', 'n3'])
      await cluster.storeOnlyOn(id, [groupOf('settings', [frameOf(9, 'newer', { key: 'k' })])]);
    const below = { from: VERSION_LOWEST, to: version(6), limit: 10 };
    const { service } = cluster.node('n1');
    expect((await service.scan('settings', below, 'QUORUM')).frames).toEqual([]);
    // The read brings what superseded it; as two others hold that, the answer need not have waited for it.
    await eventually(
      { for: 'n1 to have what superseded the record' },
      async () => (await service.scan('settings', below, 'ONE')).frames,
      (frames) => frames.length === 0,
    );
    const { frames } = await service.scan('settings', EVERYTHING, 'ONE');
    expect(frames.map((frame) => decodeFrame(frame).version)).toEqual([version(9)]);
  });

  test('keyed view: scans while keys are put miss no record that stays, and no key', async () => {
    await using cluster = await TestCluster.start();
    const [first, second] = cluster.services as [Service, Service];
    const lines = Array.from({ length: 50 }, (_, i) => `line ${i}`);
    for (const line of lines) await write(first, { value: Buffer.from(line) });
    for (const key of ['a', 'b', 'c']) await put(first, key, 'v');
    let isOver = false;
    const putting = async (key: string) => {
      for (let i = 0; !isOver; i++) await put(second, key, `v${i}`);
    };
    const puts = ['a', 'b', 'c'].map(putting);
    for (let round = 0; round < 40; round++) {
      const records = await allPages(first);
      const values = records.map(({ value }) => Buffer.from(value).toString());
      expect(values.filter((value) => value.startsWith('line'))).toEqual(lines);
      expect(new Set(records.map(({ key }) => key))).toEqual(new Set([undefined, 'a', 'b', 'c']));
    }
    isOver = true;
    await Promise.all(puts);
    expect(await allPages(first)).toHaveLength(53);
  });

  test('keyed view: hundreds of keys in one call have outcomes in order, absent ones too', async () => {
    await using cluster = await TestCluster.start();
    const [first] = cluster.services as [Service];
    const names = Array.from({ length: 300 }, (_, i) => `key-${i}`);
    await Promise.all(names.filter((_, i) => i % 3 > 0).map((name) => put(first, name, name)));
    const questions = names.map((name, i) => ({
      partition: i % 2 === 0 ? 'settings' : 'others',
      key: putKey(name),
    }));
    const outcomes = await cluster.node('n2').service.readKeys(questions, 'QUORUM');
    expect(outcomes.map(textOf)).toEqual(
      names.map((name, i) => (i % 2 === 0 && i % 3 > 0 ? name : undefined)),
    );
  });

  test('keyed view: a read of large values by several replicas is answered whole (r=2, 16 values of 1 MB)', async () => {
    await using cluster = await TestCluster.start(3, { reconciliation: { intervalMs: 3_600_000 } });
    const names = Array.from({ length: 16 }, (_, i) => `key-${i}`);
    const large = (name: string) => name.padEnd(1_000_000, '.');
    for (const [i, name] of names.entries()) {
      const group = groupOf('settings', [frameOf(i + 1, large(name), { key: name })]);
      for (const id of i % 2 === 0 ? ['n1', 'n2', 'n3'] : ['n2', 'n3'])
        await cluster.storeOnlyOn(id, [group]);
    }
    const { service } = cluster.node('n1');
    const left = new Set(names);
    for (let turn = 0; turn < names.length && left.size > 0; turn++) {
      const asked = [...left];
      const questions = asked.map((name) => ({ partition: 'settings', key: putKey(name) }));
      for (const [i, outcome] of (await service.readKeys(questions, 'QUORUM')).entries()) {
        const name = asked[i] ?? '';
        // Beyond what one read is answered with.
        if (!outcome.ok) expect(outcome.error.code).toBe('TOO_LARGE');
        else {
          expect(textOf(outcome)).toBe(large(name));
          left.delete(name);
        }
      }
    }
    expect([...left]).toEqual([]);
  });

  test('keyed view: bytes that are no key are refused, and other keys of the same turn are read', async () => {
    await using cluster = await TestCluster.start();
    const { service } = cluster.node('n1');
    await put(service, 'k', 'v');
    const noKey = Uint8Array.from({ length: 3000 }, () => 1);
    const [wrong, right] = await Promise.all([
      service.readKeys([{ partition: 'settings', key: noKey }], 'QUORUM'),
      get(service, 'k'),
    ]);
    expect(wrong).toMatchObject([{ ok: false, error: { code: 'BAD_REQUEST' } }]);
    expect(textOf(right)).toBe('v');
  });

  test('keyed view: with two of three nodes down a get is UNAVAILABLE at QUORUM and answered at ONE', async () => {
    await using cluster = await TestCluster.start();
    await put(cluster.node('n1').service, 'k', 'v');
    await cluster.converged();
    await cluster.stop('n2');
    await cluster.stop('n3');
    const { service } = cluster.node('n1');
    expect(await get(service, 'k')).toMatchObject({
      ok: false,
      error: { code: 'UNAVAILABLE', details: { needed: 2, missing: expect.arrayContaining(['n2', 'n3']) } },
    });
    const [alone] = await service.readKeys([{ partition: 'settings', key: putKey('k') }], 'ONE');
    expect(alone && textOf(alone)).toBe('v');
  });
});

describe('retried appends', () => {
  const id = new Uint8Array(16).fill(7);
  const attempt = (number: number): Draft => ({
    value: Buffer.from('once'),
    append: { id, attempt: number },
  });

  test('retried append: the first retry completes what is found, later ones write anew, one record stays (SPEC I9)', async () => {
    await using cluster = await TestCluster.start(3, { reconciliation: { intervalMs: 3_600_000 } });
    // As if the first attempt had reached one replica before its coordinator died.
    const left = frameOf(4, 'once', { append: { id, attempt: 0 } });
    await cluster.storeOnlyOn('n2', [groupOf('settings', [left])]);
    await cluster.storeOnlyOn('n3', [groupOf('settings', [left])]);
    const { service } = cluster.node('n1');
    const found = await write(service, attempt(1));
    expect(found).toMatchObject({ firstCounter: 4, origin: version(4).origin });
    const question = { partition: 'settings', key: appendKey(id) };
    const [held] = await service.readKeys([question], 'QUORUM');
    expect(bytesOf(held)).toEqual([...left]);
    const anew = await write(service, attempt(2));
    expect(anew.firstCounter).toBe(5);
    await cluster.converged();
    const { frames } = await service.scan('settings', EVERYTHING, 'ALL');
    expect(frames.map((frame) => decodeFrame(frame).version.counter)).toEqual([5]);
  });

  test('retried append: a first retry that finds nothing writes the record', async () => {
    await using cluster = await TestCluster.start();
    const { service } = cluster.node('n1');
    expect(await write(service, attempt(1))).toMatchObject({ firstCounter: 1 });
    expect(await write(service, attempt(1))).toMatchObject({ firstCounter: 1 });
  });
});

describe('levels by number', () => {
  test('levels: { r, w } waits for so many replicas, and more than there are is TOO_FEW_NODES (n=3)', async () => {
    await using cluster = await TestCluster.start();
    const { service } = cluster.node('n1');
    const group = () => packItems('settings', [encodeDraft({ value: Buffer.from('x') })]);
    expect(await service.write([group()], { level: { r: 1, w: 3 } })).toMatchObject([{ ok: true, acks: 3 }]);
    expect(await service.write([group()], { level: { r: 1, w: 4 } })).toMatchObject([
      { ok: false, error: { code: 'TOO_FEW_NODES' } },
    ]);
    const question = { partition: 'settings', key: putKey('k') };
    expect(await service.readKeys([question], { r: 3, w: 1 })).toMatchObject([{ ok: true }]);
    expect(await service.readKeys([question], { r: 4, w: 1 })).toMatchObject([
      { ok: false, error: { code: 'TOO_FEW_NODES' } },
    ]);
  });
});
