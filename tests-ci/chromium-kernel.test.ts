// The vectors on the WASM kernel in a real Chromium, loaded as a page would load the package.
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CASES } from '../packages/merkle/test/vectors.js';
import { startPageServer } from './support/page-server.js';
import type { PageOutcome } from './support/vectors-page.js';

const PAGE = '/tests-ci/support/vectors-page.js';

let browser: Browser;
beforeAll(async () => {
  browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      ...['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run'],
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
    ],
  });
});
afterAll(async () => {
  await browser.close();
});

test.each([
  { variant: 'simd', query: '' },
  { variant: 'scalar', query: '?scalar' },
])('chromium: the kernel passes all vectors (variant=$variant)', async ({ variant, query }) => {
  await using server = await startPageServer();
  const page = await browser.newPage();
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => faults.push(message.text()));
  await page.goto(`${server.url}?page=${encodeURIComponent(PAGE + query)}`);
  const outcome: PageOutcome = await page.evaluate('globalThis.outcome');
  await page.close();

  expect(outcome).toEqual({ kind: 'wasm', checked: CASES.length, failures: [] });
  expect(faults).toEqual([]);
  expect(server.paths.filter((path) => path.endsWith('.wasm'))).toEqual([
    `/packages/merkle/wasm/kernel_${variant}.wasm`,
  ]);
});
