// How a command may end that cannot do what it was asked: one sentence, and nothing left behind.
import { expect } from 'vitest';
import type { Ending } from './command.js';
import { areFree } from './ports.js';
import { processesWith } from './processes.js';

/** Status 1 and one sentence on standard error, which this is or which matches this. */
export function expectOneSentence(ending: Ending, sentence: string | RegExp): void {
  const { status, signal, stderr } = ending;
  expect({ status, signal }, stderr).toEqual({ status: 1, signal: null });
  expect(stderr).toMatch(/^mendlog: [^\n]+\n$/);
  expect(stderr.slice('mendlog: '.length, -1)).toEqual(
    typeof sentence === 'string' ? sentence : expect.stringMatching(sentence),
  );
}

/** No process of the cluster with this base port runs, and its ports can be had. */
export async function expectNothingRuns(basePort: number): Promise<void> {
  // Each process of the cluster has the address of the first node among its arguments.
  expect(processesWith(`http://127.0.0.1:${basePort + 1}`)).toEqual([]);
  expect(await areFree(basePort)).toBe(true);
}
