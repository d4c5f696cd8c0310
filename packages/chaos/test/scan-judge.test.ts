// The judge of scans: what it accepts, and each way in which a scan can be wrong.
import type { Version } from '@mendlog/core';
import { describe, expect, test } from 'vitest';
import { ScanJudge, type ScannedRecord } from '../src/scan-judge.js';

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
const WHOLE = { isWhole: true };

class Told extends ScanJudge {
  acknowledged(key: string | null, value: string | null, counter: number): void {
    this.issue('p', key, value);
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
    judge.issue('p', null, 'pending');
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
    judge.judge(judge.begin('p', from), [append('x2', 2), append('x3', 3)], { isWhole: false });
    expect(judge.found).toEqual([]);
    judge.judge(judge.begin('p', from), [append('x2', 2), append('x4', 4)], { isWhole: false });
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
    judge.issue('p', 'k', null);
    judge.end('p', { key: 'k', value: null }, 'fail');
    judge.scan([]);
    expect(judge.found).toHaveLength(1);
    judge.issue('p', 'k', null);
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
    judge.issue('p', null, 'x');
    judge.scan([append('x', 1)]);
    judge.scan([]);
    expect(judge.found).toEqual(['a scan lacks x, which an earlier one has shown']);
    // Another attempt of it may have taken its place.
    judge.scan([append('x', 2)]);
    expect(judge.found).toHaveLength(1);
  });

  test('scan judge: what was refused is shown, before or after, or what nobody wrote', () => {
    const judge = new Told();
    judge.issue('p', null, 'x');
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
});
