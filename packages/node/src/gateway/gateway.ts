/** A gateway: the API of the cluster in a process of its own, which stores nothing. */
import { loadKernel } from '@mendlog/merkle';
import { pskOf } from '@mendlog/transport/psk';
import { CallGate } from '../api/call-gate.js';
import { createApiServer, type HttpTimeouts, type PlaintextFrom } from '../api/server.js';
import { clusterSecret, peerToken } from '../cluster-secret.js';
import { NODE_DEFAULTS } from '../config/node-defaults.js';
import { parseListen } from '../config/parse-listen.js';
import { type Log, silentLog } from '../log.js';
import { Peers } from '../membership/peers.js';
import { Placement } from '../membership/placement.js';
import { createGatewayService } from './gateway-service.js';

export interface GatewayOptions {
  /** One or more `host:port`: every path answers on each of them. */
  readonly listen: readonly string[];
  /** URL by node id. */
  readonly nodes: Readonly<Record<string, string>>;
  readonly secret?: string | undefined;
  readonly replicationFactor?: number;
  /** From where the binary endpoint takes connections without TLS: from loopback only, unless told. */
  readonly plaintext?: PlaintextFrom;
  readonly httpTimeouts?: Partial<HttpTimeouts>;
  readonly log?: Log;
}

export interface Gateway extends AsyncDisposable {
  readonly urls: readonly string[];
  close(): Promise<void>;
}

/** A gateway is none of the nodes: it is the id of no one. */
const NO_NODE = '';

/** Resolves when it listens. Rejects with BAD_CONFIG, and has then left nothing running. */
export async function createGateway(options: GatewayOptions): Promise<Gateway> {
  const addresses = options.listen.map(parseListen);
  const secrets = addresses.map(({ host }) => clusterSecret(options.secret, host));
  const secret = secrets[0];
  if (secret === undefined) throw new TypeError('listen is empty: give at least one host:port');
  const token = peerToken(loadKernel(), secret);
  const psk = pskOf(secret);
  const log = options.log ?? silentLog;
  const nodes = new Map(Object.entries(options.nodes));
  const placement = new Placement(
    [...nodes.keys()].sort(),
    options.replicationFactor ?? NODE_DEFAULTS.replicationFactor,
  );
  const peers = new Peers({ self: NO_NODE, nodes, token, psk, log });
  const server = createApiServer({
    service: createGatewayService(peers, placement),
    // What it passes on is for the nodes to refuse.
    gate: new CallGate({ isBusy: () => false }),
    token,
    psk,
    plaintext: options.plaintext,
    log,
    timeouts: options.httpTimeouts,
  });
  const close = async () => {
    await server.close();
    peers.close();
  };
  try {
    await peers.firstContact();
    const urls: string[] = [];
    for (const address of addresses) urls.push(await server.listen(address));
    return { urls, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}
