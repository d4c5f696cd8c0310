import { describe, expect, test } from 'vitest';
import { statisticsOf, type Window, windowBetween, windowsOf } from '../src/cluster/windows.js';

function windowAt(recordsPerSecond: number, others = 0): Window {
  return {
    seconds: 5,
    recordsPerSecond,
    cpu: { client: recordsPerSecond / 100 },
    others,
    isDisturbed: others > 0.2,
  };
}

describe('cluster bench windows', () => {
  test.each([
    [60, 12, 5],
    [12, 2, 6],
    [2, 1, 2],
    [0.1, 1, 0.1],
  ])('cluster bench windows: they are as long as the run together (%d s)', (seconds, count, length) => {
    expect(windowsOf(seconds)).toEqual({ count, seconds: length });
  });

  test('cluster bench windows: rates are over the time that passed, not over the time that was meant', () => {
    const before = { atMs: 1000, records: 50, cpuSeconds: { client: 1, node1: 2 }, machineSeconds: 10 };
    const after = { atMs: 3000, records: 250, cpuSeconds: { client: 1.5, node1: 3 }, machineSeconds: 12 };
    expect(windowBetween(before, after)).toEqual({
      seconds: 2,
      recordsPerSecond: 100,
      cpu: { client: 0.25, node1: 0.5 },
      others: 0.25,
      isDisturbed: true,
    });
  });

  test('cluster bench windows: clocks that differ by a tick are nobody else', () => {
    const before = { atMs: 0, records: 0, cpuSeconds: { client: 1 }, machineSeconds: 10 };
    const after = { atMs: 1000, records: 1, cpuSeconds: { client: 2.01 }, machineSeconds: 11 };
    expect(windowBetween(before, after)).toMatchObject({ others: 0, isDisturbed: false });
  });

  test.each([
    [[30, 10, 20], 20],
    [[40, 10, 20, 30], 25],
    [[7], 7],
  ])('cluster bench windows: the median is in the middle (%j)', (rates, median) => {
    const { lowest, highest, ...rest } = statisticsOf(rates.map((rate) => windowAt(rate)));
    expect(rest.median).toBe(median);
    expect([lowest, highest]).toEqual([Math.min(...rates), Math.max(...rates)]);
  });

  test('cluster bench windows: disturbed ones are counted, CPU is the mean over the time', () => {
    const statistics = statisticsOf([windowAt(100, 0.3), { ...windowAt(200, 0.1), seconds: 15 }]);
    expect(statistics).toMatchObject({ median: 150, disturbed: 1, undisturbedMedian: 200 });
    expect(statistics.cpu.client).toBeCloseTo(1.75);
    expect(statistics.others).toBeCloseTo(0.15);
  });

  test('cluster bench windows: all disturbed, there is no undisturbed median', () => {
    expect(statisticsOf([windowAt(100, 1)])).toMatchObject({ disturbed: 1, undisturbedMedian: undefined });
  });

  test('cluster bench windows: none is a mistake', () => {
    expect(() => statisticsOf([])).toThrow(TypeError);
  });
});
