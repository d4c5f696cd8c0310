import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LatencyHistogram } from '../src/latency-histogram.js';

/** What the buckets may add to a quantile: one of them, which is 2 ** (1 / 32) wide. */
const PRECISION = 2 ** (1 / 32);
const MICROSECOND_MS = 0.001;

function filled(latencies: readonly number[]): LatencyHistogram {
  const histogram = new LatencyHistogram();
  for (const latency of latencies) histogram.record(latency);
  return histogram;
}

describe('latency histogram', () => {
  test('latency histogram: empty, and empty again', () => {
    const histogram = filled([1, 2]);
    histogram.clear();
    for (const empty of [histogram, new LatencyHistogram()]) {
      expect(empty.count).toBe(0);
      expect(empty.summary()).toEqual({ p50: 0, p90: 0, p99: 0, max: 0 });
    }
  });

  test('latency histogram: one latency is every quantile', () => {
    expect(filled([12.5]).summary()).toEqual({ p50: 12.5, p90: 12.5, p99: 12.5, max: 12.5 });
  });

  test('latency histogram: beyond its range it keeps count and maximum (0, a day)', () => {
    const day = 86_400_000;
    const histogram = filled([0, day]);
    expect(histogram.count).toBe(2);
    expect(histogram.quantileMs(0.5)).toBeLessThanOrEqual(MICROSECOND_MS);
    expect(histogram.summary().max).toBe(day);
  });

  test('latency histogram: a quantile is that of the sorted latencies, or little more (random latencies)', () => {
    const latency = fc.oneof(
      fc.double({ min: MICROSECOND_MS, max: 10, noNaN: true }),
      fc.integer({ min: 1, max: 100_000 }),
    );
    const share = fc.constantFrom(0.5, 0.9, 0.99, 1);
    fc.assert(
      fc.property(fc.array(latency, { minLength: 1, maxLength: 300 }), share, (latencies, q) => {
        const sorted = latencies.toSorted((a, b) => a - b);
        const exact = sorted[Math.ceil(sorted.length * q) - 1] ?? 0;
        const quantile = filled(latencies).quantileMs(q);
        expect(quantile).toBeGreaterThanOrEqual(exact * (1 - 1e-9));
        expect(quantile).toBeLessThanOrEqual(exact * PRECISION * (1 + 1e-9));
      }),
    );
  });
});
