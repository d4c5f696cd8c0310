// A `mendlog gateway` process in front of the nodes: the base port and the four after the nodes' are its own.
import { type Command, mendlog } from './command.js';
import { eventually } from './eventually.js';
import type { Nodes } from './nodes.js';

export const GATEWAY_OFFSETS = [0, 4, 5, 6, 7] as const;

/** Resolves when it serves. */
export async function startGateway(nodes: Nodes, basePort: number): Promise<Command> {
  const listen = GATEWAY_OFFSETS.map((offset) => `127.0.0.1:${basePort + offset}`);
  const peers = Object.entries(nodes.urls).flatMap(([id, url]) => ['--peer', `${id}=${url}`]);
  const gateway = mendlog(['gateway', '--listen', ...listen, ...peers, '--stop-with-stdin']);
  await eventually(
    'the gateway to listen',
    () => gateway.stdout,
    (said) => said.includes(' listens on '),
  );
  return gateway;
}
