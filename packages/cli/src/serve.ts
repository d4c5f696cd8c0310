/** `mendlog serve`: one node until it is asked to end. */
import { createNode, letHeapGrow } from '@mendlog/node';
import { nodeOptionsOf } from '@mendlog/node/config';
import { readConfig } from './config.js';
import { untilStopped } from './interrupt.js';
import { processLog } from './log.js';
import { readSecret } from './secret.js';

export interface ServeOptions {
  readonly id?: string;
  readonly data?: string;
  readonly listen?: string;
  readonly peer?: Readonly<Record<string, string>>;
  readonly secretFile?: string;
  readonly config?: string;
  readonly stopWithStdin?: boolean;
}

export async function runServe(options: ServeOptions, signal: AbortSignal): Promise<number> {
  const { id, data, listen, peer, secretFile } = options;
  const config = readConfig({ id, dataDir: data, listen, peers: peer, secretFile }, options.config);
  const nodeOptions = nodeOptionsOf(config);
  letHeapGrow();
  await using node = await createNode({
    ...nodeOptions,
    secret: readSecret(config.secretFile),
    log: processLog(nodeOptions.id),
  });
  process.stdout.write(`${node.id} listens on ${node.url}\n`);
  await untilStopped(signal, { withStdin: options.stopWithStdin ?? false });
  return 0;
}
