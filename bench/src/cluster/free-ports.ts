/**
 * Ports for processes that are about to start. They are taken below those that systems give to outgoing
 * connections, any of which could be gone at any moment.
 */
import { createServer } from 'node:net';
import { MendlogError } from '@mendlog/core';

const FIRST = 15_000;
const LAST = 32_000;
const TRIES_MAX = 1000;

/** So many different ports that are free just now. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const found = new Set<number>();
  for (let i = 0; i < TRIES_MAX && found.size < count; i++) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST));
    if (await isFree(port)) found.add(port);
  }
  if (found.size < count) throw new MendlogError('BAD_CONFIG', `no ${count} free ports were found`);
  return [...found];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
