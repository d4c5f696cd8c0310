// Tests that need more than Node.js: root, or a tool that .ci/run installs. A missing one fails the test.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['tests-ci/**/*.test.ts'],
    pool: 'forks',
    // They share a small machine, and each starts a cluster: one file after another.
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 60_000,
    allowOnly: false,
  },
});
