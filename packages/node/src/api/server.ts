/**
 * One HTTP server for everything that a node or a gateway serves, on one port with TLS and without:
 *
 *   /trpc/binary   WebSocket, binary: peers and our client
 *   /trpc          WebSocket, JSON: stock tRPC clients
 *   /trpc/...      HTTP, JSON: stock tRPC clients
 *   anything else  REST
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, isIP, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { LIMITS, MendlogError } from '@mendlog/core';
import { createBinaryAdapter } from '@mendlog/transport/adapter';
import { ConnectionFaults, type FaultReason } from '@mendlog/transport/connection-faults';
import { isLoopback } from '@mendlog/transport/psk';
import { createHTTPHandler } from '@trpc/server/adapters/standalone';
import { applyWSSHandler, type CreateWSSContextFnOptions } from '@trpc/server/adapters/ws';
import { WebSocketServer } from 'ws';
import { carriesToken } from '../cluster-secret.js';
import { withDefaults } from '../config/with-defaults.js';
import type { Log } from '../log.js';
import type { CallGate } from './call-gate.js';
import { errorShapeOf } from './error-shape.js';
import { type FirstBytes, serveTlsToo } from './first-byte.js';
import { retryAfterOf } from './problems.js';
import type { RouterContext } from './procedure.js';
import { rawAnswer, refuseRequest } from './refused-request.js';
import { abandonmentOf } from './request-caller.js';
import { answerRest } from './rest.js';
import { binaryRouter, router } from './router.js';
import type { PeerService, Service } from './service.js';

export interface ApiServerOptions {
  readonly service: Service;
  readonly gate: CallGate;
  /** Absent on a gateway, which holds no replica. */
  readonly peer?: PeerService;
  readonly token: string;
  /** Of connections that speak TLS. */
  readonly psk: Uint8Array;
  readonly plaintext?: PlaintextFrom | undefined;
  readonly log: Log;
  readonly timeouts?: Partial<HttpTimeouts> | undefined;
}

/** From where the binary endpoint takes connections without TLS. */
export type PlaintextFrom = 'loopback' | 'anywhere';

/** How long a sender may take: what arrives more slowly is answered with REQUEST_TIMEOUT and cut. */
export interface HttpTimeouts {
  /** For the head of a request. */
  readonly headersMs: number;
  /** For a whole request. */
  readonly requestMs: number;
}

export interface ApiServer {
  /** Rejects with BAD_CONFIG where the address cannot be had. Returns the URL. */
  listen(address: { host: string; port: number }): Promise<string>;
  close(): Promise<void>;
  /** Connections that were ended for a fault, by reason. */
  readonly faults: ConnectionFaults;
}

const TIMEOUTS_DEFAULT: HttpTimeouts = { headersMs: 10_000, requestMs: 30_000 };

const WRONG_SECRET = {
  reason: 'wrong-secret',
  status: '401 Unauthorized',
  why: 'this node has another cluster secret',
} as const;

const PLAINTEXT = {
  reason: 'plaintext',
  status: '401 Unauthorized',
  why: 'off loopback this endpoint needs TLS with the cluster secret: give the client its secret',
} as const;

export function createApiServer({
  service,
  peer,
  gate,
  token,
  psk,
  log,
  ...rest
}: ApiServerOptions): ApiServer {
  const timeouts = withDefaults(TIMEOUTS_DEFAULT, rest.timeouts);
  const contextOf = (
    request: IncomingMessage,
    { signal, deadlineMs = Number.POSITIVE_INFINITY }: { signal: AbortSignal; deadlineMs?: number },
  ): RouterContext => ({
    service,
    peer,
    log,
    isPeer: carriesToken(request.headers.authorization, token),
    abandonment: abandonmentOf(signal),
    deadlineMs,
    bytes: Number(request.headers['content-length'] ?? 0),
    gate,
  });
  const trpcHttp = createHTTPHandler({
    router,
    basePath: '/trpc/',
    maxBodySize: LIMITS.jsonBodyBytesMax,
    createContext: ({ req, info }) => contextOf(req, info),
    responseMeta({ errors }) {
      const [retryAfter] = errors.flatMap((error) => retryAfterOf(errorShapeOf(error)) ?? []);
      return retryAfter === undefined ? {} : { headers: { 'retry-after': retryAfter } };
    },
  });
  const faults = new ConnectionFaults({ warn: (message, facts) => log.warn(message, facts) });
  const binary = createBinaryAdapter({
    router: binaryRouter,
    faults,
    admit: ({ headers: { authorization }, socket }) => {
      const isPlain = !(socket instanceof TLSSocket) && !isLoopback(socket.remoteAddress ?? '');
      if (isPlain && rest.plaintext !== 'anywhere') return PLAINTEXT;
      return authorization === undefined || carriesToken(authorization, token) ? undefined : WRONG_SECRET;
    },
    createContext: (request) => {
      const isPeer = carriesToken(request.headers.authorization, token);
      return (call) => ({ service, peer, log, isPeer, gate, ...call });
    },
    toErrorShape: errorShapeOf,
  });
  const jsonSockets = new WebSocketServer({ noServer: true, maxPayload: LIMITS.jsonBodyBytesMax });
  // Of a call by itself this handler says nothing: its caller has gone with the connection.
  const createContext = ({ req, info }: CreateWSSContextFnOptions) => contextOf(req, info);
  applyWSSHandler({ wss: jsonSockets, router, createContext });

  const listeners: { readonly server: Server; readonly firstBytes: FirstBytes }[] = [];
  const newListener = (): Server => {
    const server = createServer(
      {
        headersTimeout: timeouts.headersMs,
        requestTimeout: timeouts.requestMs,
        // Node.js looks only that often, every 30 s unless told.
        connectionsCheckingInterval: Math.ceil(Math.min(timeouts.headersMs, timeouts.requestMs) / 10),
      },
      (request, response) => {
        if (request.url?.startsWith('/trpc/')) trpcHttp(request, response);
        else void answerRest(request, response, contextOf(request, { signal: disconnection(response) }));
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
      } else socket.end(rawAnswer(404, 'text/plain', 'there is no WebSocket here\n'));
    });
    server.on('clientError', (error, socket) => {
      const reason = faultOf(error);
      if (reason !== undefined) faults.record(reason, addressOf(socket));
      refuseRequest(error, socket);
    });
    listeners.push({
      server,
      firstBytes: serveTlsToo(server, { psk, timeoutMs: timeouts.headersMs, faults }),
    });
    return server;
  };

  return {
    faults,
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
          ({ server, firstBytes }) =>
            new Promise<void>((resolve) => {
              server.close(() => resolve());
              server.closeAllConnections();
              firstBytes.close();
            }),
        ),
      );
    },
  };
}

/** Aborts when the client goes before it has its answer. */
function disconnection(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  response.once('close', () => {
    if (!response.writableEnded) controller.abort();
  });
  return controller.signal;
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

/** Undefined for what is the network's fault. */
function faultOf(error: Error): FaultReason | undefined {
  const code = 'code' in error ? String(error.code) : '';
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'handshake-timeout';
  return code.startsWith('HPE_') ? 'garbage' : undefined;
}

function addressOf(socket: Duplex): string | undefined {
  return socket instanceof Socket ? socket.remoteAddress : undefined;
}
