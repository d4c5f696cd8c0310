// A process with a store of its own, which a test sends messages and kills.
import { type ChildProcess, fork } from 'node:child_process';
import { secret } from './test-store.js';

export function forkStore(dataDir: string): ChildProcess {
  return fork(new URL('./store-process.mjs', import.meta.url), [dataDir, new TextDecoder().decode(secret)], {
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
}
