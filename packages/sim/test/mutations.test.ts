// Every deliberate bug is found. That the same seeds are clean without one is for simulator.test.ts to show.
import { describe, expect, test } from 'vitest';
import { MUTATIONS } from '../src/mutations/mutation-list.js';
import { runMutation } from '../src/mutations/run-mutation.js';

describe('mutations', () => {
  for (const mutation of MUTATIONS) {
    const { name, breaks, seeds, invariants } = mutation;
    const title = `mutations: found where ${breaks} (${name}, seeds=${seeds})`;
    test(title, { timeout: 600_000 }, async () => {
      const run = await runMutation(mutation);
      expect(
        run.invariants.filter((invariant) => invariants.includes(invariant)),
        run.output,
      ).not.toEqual([]);
    });
  }
});
