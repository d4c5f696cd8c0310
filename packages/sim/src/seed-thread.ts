/** A thread of the command: runs the seeds that it is given, one at a time, and says what each has done. */
import { parentPort } from 'node:worker_threads';
import { runSeed } from './run.js';

parentPort?.on('message', (seed: number) => {
  const { trace: _, ...did } = runSeed(seed, { trace: false });
  parentPort?.postMessage(did);
});
