// Runs in the browser: all vectors on the kernel of the page. `?scalar` in its address takes the variant without SIMD.

import type * as Browser from '../../packages/merkle/src/browser.js';
import { allCases } from '../../packages/merkle/test/all-cases.js';

export interface PageOutcome {
  readonly kind: string;
  readonly checked: number;
  readonly failures: readonly string[];
}

async function run(): Promise<PageOutcome> {
  // By the package's name, so that its exports decide what is loaded.
  const name: string = '@mendlog/merkle';
  const merkle: typeof Browser = await import(name);
  const scalar = new URL(import.meta.url).searchParams.has('scalar');
  const kernel = await merkle.fetchKernel(scalar ? { simd: false } : {});
  const files: Record<string, string> = JSON.parse(await (await fetch('/vectors.json')).text());
  const cases = allCases((call) => files[call] ?? '[]');
  const failures = cases.flatMap(({ name, check }) => {
    try {
      check(kernel);
      return [];
    } catch (thrown) {
      return [`${name}: ${String(thrown)}`];
    }
  });
  return { kind: kernel.kind, checked: cases.length, failures };
}

Object.assign(globalThis, { outcome: run() });
