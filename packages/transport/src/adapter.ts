/**
 * The serving side: takes WebSocket handshakes that speak the protocol. What a connection that is no
 * good costs ends with that connection and touches no other.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type ErrorShape, LIMITS } from '@mendlog/core';
import type { AnyRouter, inferRouterContext } from '@trpc/server';
import { WebSocketServer } from 'ws';
import { SUBPROTOCOL } from './messages.js';
import { ServedConnection } from './served-connection.js';

export interface BinaryAdapterOptions<Router extends AnyRouter> {
  readonly router: Router;
  /** What makes the contexts of a connection's calls: each call has a signal of its own. */
  readonly createContext: (request: IncomingMessage) => (signal: AbortSignal) => inferRouterContext<Router>;
  /** Turns anything a procedure throws into what the caller gets to see. */
  readonly toErrorShape: (thrown: unknown) => ErrorShape;
}

export interface BinaryAdapter {
  readonly connections: number;
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  close(): void;
}

export function createBinaryAdapter<Router extends AnyRouter>(
  options: BinaryAdapterOptions<Router>,
): BinaryAdapter {
  const { router, toErrorShape } = options;
  const server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: LIMITS.messageBytesMax,
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  });
  return {
    get connections() {
      return server.clients.size;
    },
    handleUpgrade(request, socket, head) {
      const offered = request.headers['sec-websocket-protocol']?.split(/\s*,\s*/) ?? [];
      if (!offered.includes(SUBPROTOCOL)) {
        refuse(socket, '400 Bad Request', `this endpoint speaks ${SUBPROTOCOL}`);
        return;
      }
      server.handleUpgrade(request, socket, head, (webSocket) => {
        const contextOf = options.createContext(request);
        new ServedConnection(webSocket, socket, { router, contextOf, toErrorShape });
      });
    },
    close() {
      for (const webSocket of server.clients) webSocket.terminate();
      server.close();
    },
  };
}

function refuse(socket: Duplex, status: string, why: string): void {
  socket.once('finish', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-type: text/plain\r\n\r\n${why}\n`);
}
