// Ports for processes that are about to start, found free at run time.
import { createServer, type Server } from 'node:net';

/** What one demo takes: the gateway's five and the nodes' three. */
const PORTS_OF_A_CLUSTER = 8;

/** Below the ports that systems give to outgoing connections, any of which could be taken at any moment. */
const FIRST = 15_000;
const LAST = 32_000;
const TRIES_MAX = 200;

/** The first of 8 consecutive free ports. Where the search begins is random, so that parallel runs rarely meet. */
export async function freeBasePort(): Promise<number> {
  const places = Math.floor((LAST - FIRST) / PORTS_OF_A_CLUSTER);
  const start = Math.floor(Math.random() * places);
  for (let i = 0; i < TRIES_MAX; i++) {
    const basePort = FIRST + ((start + i) % places) * PORTS_OF_A_CLUSTER;
    if (await areFree(basePort)) return basePort;
  }
  throw new Error(`no ${PORTS_OF_A_CLUSTER} consecutive free ports were found`);
}

export async function areFree(basePort: number): Promise<boolean> {
  for (let port = basePort; port < basePort + PORTS_OF_A_CLUSTER; port++) {
    try {
      await using _taken = await occupy(port);
    } catch {
      return false;
    }
  }
  return true;
}

/** Listens on a port until disposed. */
async function occupy(port: number): Promise<AsyncDisposable> {
  const server: Server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}
