// Unit tests import a package's sources ('../src/x.js'); imports of another package resolve to its built dist.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['packages/*/test/**/*.test.ts', 'bench/test/**/*.test.ts', 'tests/**/*.test.ts'],
    pool: 'forks',
    // Generous, because a test that starts nodes shares a small machine with the others.
    testTimeout: 20_000,
    hookTimeout: 20_000,
    // A test that is focused by mistake hides all others.
    allowOnly: false,
  },
});
