/**
 * The serving side: takes WebSocket handshakes that speak the protocol, up to a number of connections. One
 * that is no good ends, with a reason that is counted and logged, and touches no other. Each connection is
 * pinged now and then, so that one whose peer is gone, or stalls in the middle of a message, ends too.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type ErrorShape, LIMITS } from '@mendlog/core';
import type { AnyRouter, inferRouterContext } from '@trpc/server';
import { WebSocketServer } from 'ws';
import type { ConnectionFaults, FaultReason } from './connection-faults.js';
import { formatGrant, GRANT_DEFAULT, GRANT_HEADER, type Grant } from './grant.js';
import { SUBPROTOCOL } from './messages.js';
import { type ServedCallFacts, ServedConnection } from './served-connection.js';

export interface BinaryAdapterOptions<Router extends AnyRouter> {
  readonly router: Router;
  /** What makes the contexts of a connection's calls. */
  readonly createContext: (request: IncomingMessage) => (call: ServedCallFacts) => inferRouterContext<Router>;
  /** Refuses the handshake for this reason: asked before anything is spent on the connection. */
  readonly admit?: (request: IncomingMessage) => Refusal | undefined;
  readonly faults: ConnectionFaults;
  readonly connectionsMax?: number;
  /** What each connection may have under way. */
  readonly grant?: Grant;
  /** Time between pings. A connection that is not heard of for two to three of them is ended. */
  readonly pingMs?: number;
  /** Turns anything a procedure throws into what the caller gets to see. */
  readonly toErrorShape: (thrown: unknown) => ErrorShape;
}

export interface Refusal {
  readonly reason: FaultReason;
  /** Such as `401 Unauthorized`. */
  readonly status: string;
  /** A sentence for whoever tries to connect. */
  readonly why: string;
}

export interface BinaryAdapter {
  readonly connections: number;
  /** Connections ended or refused, by reason. */
  readonly faults: ConnectionFaults;
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  close(): void;
}

const PING_MS = 10_000;

export function createBinaryAdapter<Router extends AnyRouter>(
  options: BinaryAdapterOptions<Router>,
): BinaryAdapter {
  const {
    router,
    toErrorShape,
    faults,
    connectionsMax = LIMITS.connectionsMax,
    grant = GRANT_DEFAULT,
  } = options;
  const served = new Set<ServedConnection<Router>>();
  const server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: LIMITS.messageBytesMax,
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  });
  server.on('headers', (headers) => headers.push(`${GRANT_HEADER}: ${formatGrant(grant)}`));
  // What arrived while this process was busy is read before anyone is taken for silent.
  const checkAlive = () =>
    setImmediate(() => {
      for (const connection of served) connection.checkAlive();
    });
  const timer = setInterval(checkAlive, options.pingMs ?? PING_MS);
  timer.unref();

  const refusalOf = (request: IncomingMessage): Refusal | undefined => {
    const offered = request.headers['sec-websocket-protocol']?.split(/\s*,\s*/) ?? [];
    if (!offered.includes(SUBPROTOCOL)) {
      const why = `this endpoint speaks ${SUBPROTOCOL}`;
      return { reason: 'wrong-protocol', status: '400 Bad Request', why };
    }
    if (served.size >= connectionsMax) {
      const why = `there are ${connectionsMax} connections already`;
      return { reason: 'too-many-connections', status: '503 Service Unavailable', why };
    }
    return options.admit?.(request);
  };

  return {
    get connections() {
      return served.size;
    },
    faults,
    handleUpgrade(request, socket, head) {
      const { remoteAddress } = request.socket;
      const refusal = refusalOf(request);
      if (refusal !== undefined) {
        faults.record(refusal.reason, remoteAddress);
        refuse(socket, refusal);
        return;
      }
      server.handleUpgrade(request, socket, head, (webSocket) => {
        const connection = new ServedConnection(webSocket, socket, {
          router,
          toErrorShape,
          grant,
          contextOf: options.createContext(request),
          onFault: (reason) => faults.record(reason, remoteAddress),
        });
        served.add(connection);
        webSocket.on('close', () => served.delete(connection));
      });
    },
    close() {
      clearInterval(timer);
      for (const webSocket of server.clients) webSocket.terminate();
      server.close();
    },
  };
}

function refuse(socket: Duplex, { status, why }: Refusal): void {
  socket.once('finish', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-type: text/plain\r\n\r\n${why}\n`);
}
