// The judge of scans: what it accepts, and each way in which a scan can be wrong.
import type { Version } from '@mendlog/core';
import { describe, expect, test } from 'vitest';
import { ScanJudge, type ScannedRecord } from '../src/checkers/scan-judge.js';

const at = (counter: number): Version => ({ counter, origin: '0000000000001' });
const append = (value: string, counter: number): ScannedRecord => ({
  version: at(counter),
  key: null,
  value,
});
const record = (key: string, value: string, counter: number): ScannedRecord => ({
  version: at(counter),
  key,
  value,
});
const WHOLE = { isWhole: true, isOnePage: true };
const IN_PAGES = { isWhole: true, isOnePage: false };
const PART = { isWhole: false, isOnePage: true };

class Told extends ScanJudge {
  begun(key: string | null, value: string | null, isRetried = true): void {
    this.issue('p', { key, value, isRetried });
  }

  acknowledged(key: string | null, value: string | null, counter: number): void {
    this.begun(key, value);
    this.acknowledge('p', { key, value, version: at(counter) });
  }

  scan(records: readonly ScannedRecord[]): void {
    this.judge(this.begin('p', undefined), records, WHOLE);
  }

  /** The first words of what was found. */
  get found(): string[] {
    return this.reports().flatMap(({ violations }) => violations.map(({ message }) => message));
  }
}

describe('scan judge', () => {
  test('scan judge: a scan with all that was acknowledged is right, and one may show what is not yet', () => {
    const judge = new Told();
    judge.acknowledged(null, 'x', 1);
    judge.acknowledged('k', 'y', 2);
    judge.acknowledged('d', 'z', 3);
    judge.acknowledged('d', null, 4);
    judge.begun(null, 'pending');
    judge.scan([append('x', 1), record('k', 'y', 2)]);
    judge.scan([append('x', 1), record('k', 'y', 2), append('pending', 5)]);
    expect(judge.found).toEqual([]);
    expect(judge.reports().every(({ checked }) => checked === 2)).toBe(true);
  });

  test('scan judge: an append that was acknowledged before is missing, or at another version', () => {
    const judge = new Told();
    judge.acknowledged(null, 'x', 1);
    judge.scan([]);
    judge.scan([append('x', 2)]);
    expect(judge.found).toEqual([
      expect.stringMatching(/^a scan lacks x, acknowledged before at 1-/),
      expect.stringMatching(/^a scan has x at 2-.*, acknowledged at 1-/),
    ]);
  });

  test('scan judge: what is acknowledged while the scan runs may be missing', () => {
    const judge = new Told();
    const start = judge.begin('p', undefined);
    judge.acknowledged(null, 'x', 1);
    judge.acknowledged('k', 'y', 2);
    judge.judge(start, [], WHOLE);
    expect(judge.found).toEqual([]);
  });

  test('scan judge: a part is judged by what lies in it', () => {
    const judge = new Told();
    for (let i = 1; i <= 5; i++) judge.acknowledged(null, `x${i}`, i);
    const from = judge.recent('p', 4);
    judge.judge(judge.begin('p', from), [append('x2', 2), append('x3', 3)], PART);
    expect(judge.found).toEqual([]);
    judge.judge(judge.begin('p', from), [append('x2', 2), append('x4', 4)], PART);
    expect(judge.found).toEqual([expect.stringMatching(/^a scan lacks x3/)]);
  });

  test('scan judge: a record of a key is older than what was acknowledged, or is missing', () => {
    const judge = new Told();
    judge.acknowledged('k', 'old', 1);
    judge.acknowledged('k', 'new', 2);
    judge.scan([record('k', 'old', 1)]);
    judge.scan([]);
    judge.acknowledged('k', null, 3);
    judge.scan([record('k', 'new', 2)]);
    expect(judge.found).toEqual([
      expect.stringMatching(/^a scan has old at 1-.*, replaced before at 2-/),
      'a scan lacks a record of this key, put before at 2-0000000000001',
      expect.stringMatching(/^a scan has new at 2-.*, deleted before at 3-/),
    ]);
  });

  test('scan judge: a delete of unknown outcome explains that nothing is there, a refused one does not', () => {
    const judge = new Told();
    judge.acknowledged('k', 'x', 1);
    judge.begun('k', null);
    judge.end('p', { key: 'k', value: null }, 'fail');
    judge.scan([]);
    expect(judge.found).toHaveLength(1);
    judge.begun('k', null);
    judge.end('p', { key: 'k', value: null }, 'unknown');
    judge.scan([]);
    expect(judge.found).toHaveLength(1);
  });

  test('scan judge: two records of a key are wrong where the newer one was there before', () => {
    const judge = new Told();
    judge.acknowledged('k', 'old', 1);
    const start = judge.begin('p', undefined);
    judge.acknowledged('k', 'new', 2);
    const both = [record('k', 'old', 1), record('k', 'new', 2)];
    judge.judge(start, both, WHOLE);
    expect(judge.found).toEqual([]);
    judge.scan(both);
    expect(judge.found).toEqual([expect.stringMatching(/^a scan shows old at 1-.* and new at 2-/)]);
  });

  test('scan judge: an append is shown twice, and versions fall', () => {
    const judge = new Told();
    judge.acknowledged(null, 'x', 2);
    judge.scan([append('x', 1), append('x', 2)]);
    judge.acknowledged(null, 'y', 3);
    judge.scan([append('y', 3), append('x', 2)]);
    expect(judge.found).toEqual([
      expect.stringMatching(/^a scan shows x at 1-.* and x at 2-/),
      expect.stringMatching(/^a scan shows 2-.* after 3-/),
    ]);
  });

  test('scan judge: what a scan has shown is gone in a later one, also where nobody has acknowledged it', () => {
    const judge = new Told();
    judge.begun(null, 'x');
    judge.scan([append('x', 1)]);
    judge.scan([]);
    expect(judge.found).toEqual(['a scan lacks x, which an earlier one has shown']);
    // Another attempt of it may have taken its place.
    judge.scan([append('x', 2)]);
    expect(judge.found).toHaveLength(1);
  });

  test('scan judge: what was refused is shown, before or after, or what nobody wrote', () => {
    const judge = new Told();
    judge.begun(null, 'x');
    judge.scan([append('x', 1)]);
    judge.end('p', { key: null, value: 'x' }, 'fail');
    judge.scan([append('x', 1)]);
    judge.scan([append('x', 1), append('strange', 2)]);
    expect(judge.found).toEqual([
      'x was refused, and a scan has shown it before',
      expect.stringMatching(/^a scan shows x at 1-.*, which was refused/),
      expect.stringMatching(/^a scan shows x at 1-.*, which was refused/),
      expect.stringMatching(/^a scan shows strange at 2-.*, which nobody wrote/),
    ]);
  });

  test('scan judge: several pages may miss a key or an append that is written meanwhile, one page may not', () => {
    const judge = new Told();
    judge.acknowledged('k', 'old', 1);
    judge.begun('k', 'new');
    judge.judge(judge.begin('p', undefined), [], IN_PAGES);
    expect(judge.found).toEqual([]);
    judge.scan([]);
    expect(judge.found).toEqual(['a scan lacks a record of this key, put before at 1-0000000000001']);
    judge.end('p', { key: 'k', value: 'new' }, 'fail');
    judge.judge(judge.begin('p', undefined), [], IN_PAGES);
    expect(judge.found).toHaveLength(2);

    const appends = new Told();
    appends.begun(null, 'retried');
    appends.begun(null, 'once', false);
    appends.scan([append('retried', 1), append('once', 2)]);
    appends.judge(appends.begin('p', undefined), [], IN_PAGES);
    expect(appends.found).toEqual(['a scan lacks once, which an earlier one has shown']);
    appends.acknowledge('p', { key: null, value: 'retried', version: at(1) });
    appends.judge(appends.begin('p', undefined), [append('once', 2)], IN_PAGES);
    expect(appends.found.slice(1)).not.toEqual([]);
  });

  test('scan judge: in pages too nothing is shown that was replaced before, and two of a key only if it was not', () => {
    const judge = new Told();
    judge.acknowledged('k', 'old', 1);
    judge.acknowledged('k', 'new', 2);
    judge.begun('k', 'newer');
    judge.judge(judge.begin('p', undefined), [record('k', 'old', 1)], IN_PAGES);
    expect(judge.found).toEqual([expect.stringMatching(/^a scan has old at 1-.*, replaced before at 2-/)]);
    judge.judge(judge.begin('p', undefined), [record('k', 'new', 2), record('k', 'newer', 3)], IN_PAGES);
    expect(judge.found).toHaveLength(1);
  });
});
