// Linearizability, by histories that are known to be right or wrong, and by what is said of the wrong ones.
import { describe, expect, test } from 'vitest';
import { VIOLATIONS_KEPT_MAX } from '../src/checkers/check-report.js';
import { describeReport } from '../src/checkers/describe-report.js';
import { checkLinearizable } from '../src/checkers/linearizable.js';
import { madeHistory } from './made-operations.js';

const GOOD: readonly (readonly [what: string, ...operations: string[]])[] = [
  ['nothing at all'],
  ['one get of a key that was never written', 'get - 0..1'],
  ['a get after a put', 'put a 0..1', 'get a 2..3'],
  [
    'concurrent gets that see old and new, in this order',
    'put a 0..1',
    'put b 2..20',
    'get a 3..5',
    'get b 6..8',
  ],
  ['overlapping gets that see new and old', 'put a 0..1', 'put b 2..20', 'get b 3..9', 'get a 4..8'],
  ['a put that takes effect before its outcome comes', 'put a 0..100', 'get a 1..2', 'get a 3..4'],
  ['an unknown put seen at once', 'put? a 0..1', 'get a 2..3'],
  ['an unknown put never seen', 'put a 0..1', 'put? b 2..3', 'get a 4..5', 'get a 6..7'],
  [
    'an unknown put that takes effect late',
    'put a 0..1',
    'put? b 2..3',
    'get a 4..5',
    'put c 6..7',
    'get c 8..9',
    'get b 10..11',
  ],
  ['a put without an outcome seen late', 'put? b 2..', 'get - 4..5', 'get b 10..11'],
  ['an unknown delete that takes effect late', 'put a 0..1', 'delete? 2..3', 'get a 4..5', 'get - 6..7'],
  [
    'two unknown deletes that take effect twice',
    'delete? 0..1',
    'delete? 0..',
    'put a 2..3',
    'get - 4..5',
    'put b 6..7',
    'get - 8..9',
  ],
  ['a failed put that is not seen', 'put! a 0..1', 'get - 2..3'],
  ['a delete concurrent with a put, the put last', 'delete 0..10', 'put a 1..9', 'get a 11..12'],
  ['a delete concurrent with a put, the delete last', 'delete 0..10', 'put a 1..9', 'get - 11..12'],
  [
    'a delete beside two puts, with absence between',
    'put a 0..9',
    'delete 0..9',
    'put b 0..9',
    'get a 1..2',
    'get - 3..4',
    'get b 5..6',
  ],
  ['a get that failed, or had no outcome', 'put a 0..1', 'get! 2..3', 'get? 2..', 'get a 4..5'],
  [
    'the delete that ends first is not the one that starts first',
    'delete 0..20',
    'put a 1..2',
    'get a 3..4',
    'delete 5..6',
    'get - 7..8',
    'put b 9..10',
    'get - 11..12',
  ],
  ['events at one instant count as concurrent', 'put a 0..1', 'put b 1..2', 'get a 2..3'],
  [
    'keys apart',
    'put a 0..1 in x',
    'put b 0..1 in y',
    'get a 2..3 in x',
    'get b 2..3 in y',
    'get - 2..3 in z',
  ],
];

const BAD: readonly (readonly [what: string, core: number, ...operations: string[]])[] = [
  ['stale read', 3, 'put a 0..1', 'put b 2..3', 'get a 4..5'],
  ['lost update: an acknowledged put is not there', 2, 'put a 0..1', 'get - 2..3'],
  [
    'lost update: the put before it comes back',
    3,
    'put a 0..1',
    'get a 2..3',
    'put b 4..5',
    'get b 6..7',
    'get a 8..9',
  ],
  ['read of a future write', 1, 'get a 0..1', 'put a 2..3'],
  ['read of a value that nobody wrote', 1, 'put a 0..1', 'get z 2..3'],
  ['read of a failed write', 1, 'put! a 0..1', 'get a 2..3'],
  ['read of another key', 1, 'put a 0..1 in x', 'get a 2..3 in y'],
  ['gets one after another that see new and old', 4, 'put a 0..1', 'put b 2..20', 'get b 3..5', 'get a 6..8'],
  [
    'two readers that see two puts in two orders',
    6,
    'put a 0..20',
    'put b 0..20',
    'get a 1..2',
    'get b 3..4',
    'get b 1..2',
    'get a 3..4',
  ],
  ['an unknown put seen, then unseen', 4, 'put a 0..1', 'put? b 2..3', 'get b 4..5', 'get a 6..7'],
  [
    'an unknown put that takes effect twice',
    4,
    'put? a 0..1',
    'get a 2..3',
    'put b 4..5',
    'get b 6..7',
    'get a 8..9',
  ],
  [
    'an unknown delete that takes effect twice',
    5,
    'delete? 0..1',
    'put a 2..3',
    'get - 4..5',
    'put b 6..7',
    'get - 8..9',
  ],
  ['a deleted value comes back', 3, 'put a 0..1', 'delete 2..3', 'get a 4..5'],
  [
    'a get of nothing after a put, with deletes only before',
    2,
    'put z 0..1',
    'delete 2..3',
    'delete 4..5',
    'put a 6..7',
    'get - 8..9',
  ],
  [
    'absence and presence by turns, with one delete',
    7,
    'put a 0..9',
    'put b 0..9',
    'delete 0..9',
    'get a 1..2',
    'get - 3..4',
    'get b 5..6',
    'get - 7..8',
  ],
  ['a delete that starts after the get of nothing', 2, 'put a 0..1', 'get - 2..3', 'delete 4..5'],
];

describe('linearizable: histories that are right (SPEC I3)', () => {
  for (const [what, ...operations] of GOOD) {
    test(`linearizable: ${what}`, () => {
      expect(checkLinearizable(madeHistory(...operations))).toMatchObject({
        invariant: 'I3',
        checked: operations.length,
        violationCount: 0,
        violations: [],
      });
    });
  }
});

describe('linearizable: histories that are wrong (SPEC I3)', () => {
  for (const [what, core, ...operations] of BAD) {
    test(`linearizable: ${what}`, () => {
      const { violationCount, violations } = checkLinearizable(madeHistory(...operations));
      expect(violationCount).toBe(1);
      expect(violations[0]?.operations).toHaveLength(core);
    });
  }
});

describe('linearizable: explanations', () => {
  test('linearizable: a violation among much else names its key, its operations and how far all was well', () => {
    const turns = Array.from({ length: 200 }, (_, i) => [
      `put v${i} ${i * 10}..${i * 10 + 2}`,
      `get v${i} ${i * 10 + 4}..${i * 10 + 6}`,
    ]);
    const elsewhere = turns.flat().map((line) => `${line.replace(/ v/, ' w')} in other`);
    const history = madeHistory(...elsewhere, ...turns.flat(), 'get v7 1987..1989', 'put later 2000..2001');
    const { checked, violations } = checkLinearizable(history);
    expect(checked).toBe(802);
    expect(violations).toHaveLength(1);
    expect(violations[0]).toMatchObject({ partition: 'p1', key: 'k' });
    expect(violations[0]?.prefix).toHaveLength(398);
    expect(violations[0]?.operations.map(({ op, value }) => `${op} ${value}`)).toEqual([
      'put v7',
      expect.stringMatching(/^put v/),
      'get v7',
    ]);
    expect(violations[0]?.message).toBe(
      'no order explains these 3 operations; the 398 operations that had ended before this one can be ordered: ' +
        'client 900: get "k" -> "v7", ok, from 1987 to 1989',
    );
  });

  test('linearizable: a value without a write says whether a write of it failed', () => {
    const message = (...lines: string[]) => checkLinearizable(madeHistory(...lines)).violations[0]?.message;
    expect(message('put! a 0..1', 'get a 2..3')).toBe(
      'a get returned a value that only a write that failed was to write',
    );
    expect(message('put a 0..1', 'get z 2..3')).toBe(
      'a get returned a value that no write of the key had begun to write',
    );
  });

  test('linearizable: of many broken keys all are counted and few are explained', () => {
    const keys = VIOLATIONS_KEPT_MAX + 5;
    const lines = Array.from({ length: keys }, (_, i) => `get v${i} 0..1 in key${i}`);
    const report = checkLinearizable(madeHistory(...lines));
    expect(report.violationCount).toBe(keys);
    expect(report.violations).toHaveLength(VIOLATIONS_KEPT_MAX);
    expect(describeReport(report).at(-1)).toBe('      and 5 more violations');
  });

  test('linearizable: a contradiction of many operations is shown in part', () => {
    // Each get of nothing takes a delete of its own, and there is one too few.
    const puts = Array.from({ length: 20 }, (_, i) => [
      `put v${i} ${i * 10}..${i * 10 + 1}`,
      `get - ${i * 10 + 3}..${i * 10 + 4}`,
    ]);
    const deletes = Array.from({ length: 19 }, () => 'delete? 0..');
    const report = checkLinearizable(madeHistory(...puts.flat(), ...deletes));
    expect(report.violations[0]?.operations.length).toBeGreaterThan(20);
    const lines = describeReport(report);
    expect(lines.length).toBeLessThan(20);
    expect(lines.at(-1)).toMatch(/^ {8}and \d+ more operations$/);
  });
});
