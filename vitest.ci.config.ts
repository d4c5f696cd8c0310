// Tests that need more than Node.js: .ci/run installs it and runs them. One file at a time, for each starts a cluster.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['tests-ci/**/*.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 60_000,
    allowOnly: false,
  },
});
