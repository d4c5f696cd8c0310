/** `mendlog gateway`: a gateway until it is asked to end. */
import { createGateway } from '@mendlog/node';
import { gatewayOptionsOf } from '@mendlog/node/config';
import { readConfig } from './config.js';
import { untilStopped } from './interrupt.js';
import { processLog } from './log.js';
import { readSecret } from './secret.js';

export interface GatewayCommandOptions {
  readonly listen?: readonly string[];
  readonly peer?: Readonly<Record<string, string>>;
  readonly secretFile?: string;
  readonly config?: string;
  readonly stopWithStdin?: boolean;
}

export async function runGateway(options: GatewayCommandOptions, signal: AbortSignal): Promise<number> {
  const { listen, peer, secretFile } = options;
  const config = readConfig({ listen, peers: peer, secretFile }, options.config);
  await using gateway = await createGateway({
    ...gatewayOptionsOf(config),
    secret: readSecret(config.secretFile),
    log: processLog('gateway'),
  });
  process.stdout.write(`gateway listens on ${gateway.urls.join(', ')}\n`);
  await untilStopped(signal, { withStdin: options.stopWithStdin ?? false });
  return 0;
}
