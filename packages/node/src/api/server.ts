/**
 * One HTTP server for everything that a node or a gateway serves:
 *
 *   /trpc/binary   WebSocket, binary: peers and our client
 *   /trpc          WebSocket, JSON: stock tRPC clients
 *   /trpc/...      HTTP, JSON: stock tRPC clients
 *   anything else  REST
 */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, isIP } from 'node:net';
import { LIMITS, MendlogError } from '@mendlog/core';
import { createBinaryAdapter } from '@mendlog/transport/adapter';
import { createHTTPHandler } from '@trpc/server/adapters/standalone';
import { applyWSSHandler } from '@trpc/server/adapters/ws';
import { WebSocketServer } from 'ws';
import { carriesToken } from '../cluster-secret.js';
import type { Log } from '../log.js';
import { errorShapeOf } from './error-shape.js';
import type { RouterContext } from './procedure.js';
import { answerRest } from './rest.js';
import { binaryRouter, router } from './router.js';
import type { PeerService, Service } from './service.js';

export interface ApiServerOptions {
  readonly service: Service;
  /** Absent on a gateway, which holds no replica. */
  readonly peer?: PeerService;
  readonly token: string;
  readonly log: Log;
}

export interface ApiServer {
  /** Rejects with BAD_CONFIG where the address cannot be had. Returns the URL. */
  listen(address: { host: string; port: number }): Promise<string>;
  close(): Promise<void>;
}

const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;

export function createApiServer({ service, peer, token, log }: ApiServerOptions): ApiServer {
  const contextOf = (request: IncomingMessage): RouterContext => ({
    service,
    peer,
    log,
    isPeer: carriesToken(request.headers.authorization, token),
  });
  const trpcHttp = createHTTPHandler({
    router,
    basePath: '/trpc/',
    maxBodySize: LIMITS.jsonBodyBytesMax,
    createContext: ({ req }) => contextOf(req),
  });
  const binary = createBinaryAdapter({
    router: binaryRouter,
    createContext: contextOf,
    toErrorShape: errorShapeOf,
  });
  const jsonSockets = new WebSocketServer({ noServer: true, maxPayload: LIMITS.jsonBodyBytesMax });
  applyWSSHandler({ wss: jsonSockets, router, createContext: ({ req }) => contextOf(req) });

  const listeners: Server[] = [];
  const newListener = (): Server => {
    const server = createServer(
      { headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS },
      (request, response) => {
        if (request.url?.startsWith('/trpc/')) trpcHttp(request, response);
        else void answerRest(request, response, contextOf(request));
      },
    );
    server.on('upgrade', (request, socket, head) => {
      // A socket that breaks during the handshake has nobody else to notice.
      socket.on('error', () => socket.destroy());
      const path = request.url?.split('?')[0];
      if (path === '/trpc/binary') binary.handleUpgrade(request, socket, head);
      else if (path === '/trpc') {
        jsonSockets.handleUpgrade(request, socket, head, (webSocket) =>
          jsonSockets.emit('connection', webSocket, request),
        );
      } else socket.end('HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n');
    });
    server.on('clientError', (_error, socket) => {
      if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n');
      else socket.destroy();
    });
    listeners.push(server);
    return server;
  };

  return {
    async listen({ host, port }) {
      const server = newListener();
      await new Promise<void>((resolve, reject) => {
        server.once('error', (cause) => reject(cannotListen(host, port, cause)));
        server.listen(port, host, resolve);
      });
      return urlOf(host, (server.address() as AddressInfo).port);
    },
    async close() {
      binary.close();
      for (const webSocket of jsonSockets.clients) webSocket.terminate();
      jsonSockets.close();
      await Promise.all(
        listeners.map(
          (server) =>
            new Promise<void>((resolve) => {
              server.close(() => resolve());
              server.closeAllConnections();
            }),
        ),
      );
    },
  };
}

function urlOf(host: string, port: number): string {
  return `http://${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}

function cannotListen(host: string, port: number, cause: Error): MendlogError {
  const code = 'code' in cause ? cause.code : undefined;
  const why =
    code === 'EADDRINUSE' ? 'the port is taken; stop what uses it or choose another' : cause.message;
  return new MendlogError('BAD_CONFIG', `cannot listen on ${host}:${port}: ${why}`, { cause });
}
