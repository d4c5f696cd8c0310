/** Runs seeds on several threads: a run is one thread's from start to end, so that it is the same on any of them. */
import { Worker } from 'node:worker_threads';
import type { RunResult } from './run.js';

/** What a run did, without its trace. */
export type SeedResult = Omit<RunResult, 'trace'>;

/** Calls back with each result, in the order in which runs end. Rejects with what a thread has thrown. */
export async function runOnThreads(
  seeds: Iterable<number>,
  threads: number,
  each: (result: SeedResult) => void,
): Promise<void> {
  const left = seeds[Symbol.iterator]();
  const runAll = async () => {
    const worker = new Worker(new URL('./seed-thread.js', import.meta.url));
    try {
      for (let next = left.next(); next.done !== true; next = left.next()) {
        each(await resultOf(worker, next.value));
      }
    } finally {
      await worker.terminate();
    }
  };
  await Promise.all(Array.from({ length: threads }, runAll));
}

function resultOf(worker: Worker, seed: number): Promise<SeedResult> {
  return new Promise((resolve, reject) => {
    const done = (result: SeedResult) => {
      worker.off('error', reject);
      resolve(result);
    };
    worker.once('message', done);
    worker.once('error', reject);
    worker.postMessage(seed);
  });
}
