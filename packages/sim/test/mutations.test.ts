// Every deliberate bug is found, and the seed that finds it is clean without the bug.
import { describe, expect, test } from 'vitest';
import { MUTATIONS } from '../src/mutations/mutation-list.js';
import { runMutation } from '../src/mutations/run-mutation.js';
import { runSeed } from '../src/run.js';

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
      expect(runSeed(run.seeds, { trace: false }).violations).toEqual([]);
    });
  }
});
