import { describe, expect, test } from 'vitest';
import { machineSecondsIn, processSecondsIn } from '../src/cluster/cpu-times.js';
import { samplesOf } from '../src/cluster/gauges.js';
import { selfTimesOf } from '../src/cluster/self-times.js';

describe('cluster bench readings', () => {
  test('cluster bench readings: the CPU of a process, whatever its name', () => {
    const fields = '1 2 3 4 5 6 7 8 9 10 250 150 13 14 15';
    expect(processSecondsIn(`77 (a ) S (b)) S ${fields}`)).toBe(4);
  });

  test('cluster bench readings: the CPU of a machine, without idling and waiting', () => {
    expect(machineSecondsIn('cpu  100 200 300 9000 8000 10 20 70 5 5\ncpu0 1 1 1 1 1\n')).toBe(7);
  });

  test('cluster bench readings: samples of one family, not of one whose name begins alike', () => {
    const text = '# HELP a_b x\na_b{node="n",target="t u"} 3\na_b{node="n"} 4\na_bc{node="n"} 5\na_b 1.5e3\n';
    expect(samplesOf(text, 'a_b')).toEqual([3, 4, 1500]);
    expect(samplesOf(text, 'a')).toEqual([]);
  });

  test('cluster bench readings: a sample of a profile lasts until the next, idling is left out', () => {
    const node = (id: number, functionName: string, url = '') => ({
      id,
      callFrame: { functionName, url, lineNumber: 9 },
    });
    const nodes = [
      node(1, '(idle)'),
      node(2, 'f', 'file:///a/b/c.js'),
      node(3, ''),
      node(4, 'f', 'file:///a/b/c.js'),
    ];
    const profile = { nodes, samples: [1, 2, 3, 4, 2], timeDeltas: [1000, 9000, 2000, 3000, 4000] };
    expect(selfTimesOf(profile)).toEqual([
      { name: 'f b/c.js:10', ms: 6 },
      { name: '(anonymous)', ms: 3 },
    ]);
  });
});
