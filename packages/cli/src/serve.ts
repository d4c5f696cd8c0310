/** `mendlog serve`: one node until it is asked to end. */
import { createNode } from '@mendlog/node';
import { untilStopped } from './interrupt.js';
import { processLog } from './log.js';
import { readSecret } from './secret.js';

export interface ServeOptions {
  readonly id: string;
  readonly data: string;
  readonly listen: string;
  readonly peer: Readonly<Record<string, string>>;
  readonly secretFile?: string;
  readonly stopWithStdin?: boolean;
}

export async function runServe(options: ServeOptions, signal: AbortSignal): Promise<number> {
  await using node = await createNode({
    id: options.id,
    dataDir: options.data,
    listen: options.listen,
    peers: options.peer,
    secret: readSecret(options.secretFile),
    log: processLog(options.id),
  });
  process.stdout.write(`${node.id} listens on ${node.url}\n`);
  await untilStopped(signal, { withStdin: options.stopWithStdin ?? false });
  return 0;
}
