/**
 * The serving side of a connection: binary WebSocket messages in, procedures of a tRPC router called,
 * answers out. Bytes that are not a message close that connection and touch no other. Calls under
 * way and bytes waiting to be sent are bounded per connection.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type ErrorShape, LIMITS, MendlogError } from '@mendlog/core';
import { type AnyRouter, callTRPCProcedure, type inferRouterContext } from '@trpc/server';
import { type WebSocket, WebSocketServer } from 'ws';
import {
  type AnswerMessage,
  decodeRequest,
  encodeAnswer,
  type RequestMessage,
  SUBPROTOCOL,
} from './messages.js';

export interface BinaryAdapterOptions<Router extends AnyRouter> {
  readonly router: Router;
  readonly createContext: (request: IncomingMessage) => inferRouterContext<Router>;
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
        socket.end(
          `HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: text/plain\r\n\r\nthis endpoint speaks ${SUBPROTOCOL}\n`,
        );
        return;
      }
      server.handleUpgrade(request, socket, head, (webSocket) => {
        serveSocket(webSocket, options, options.createContext(request));
      });
    },
    close() {
      for (const webSocket of server.clients) webSocket.terminate();
      server.close();
    },
  };
}

function serveSocket<Router extends AnyRouter>(
  socket: WebSocket,
  options: BinaryAdapterOptions<Router>,
  context: inferRouterContext<Router>,
): void {
  let underWay = 0;
  socket.binaryType = 'nodebuffer';
  // The close event follows every error; the socket's calls end by themselves.
  socket.on('error', () => {});

  const answer = (message: AnswerMessage) => {
    if (socket.readyState !== socket.OPEN) return;
    if (socket.bufferedAmount > LIMITS.connectionBytesMax) {
      socket.close(1013, 'answers are not being read');
      return;
    }
    const bytes = encodeAnswer(message);
    if (bytes.length <= LIMITS.messageBytesMax) socket.send(bytes);
    else
      answer({
        id: message.id,
        ok: false,
        error: { code: 'TOO_LARGE', message: 'the answer is over the message limit' },
      });
  };

  const serve = async (request: RequestMessage) => {
    underWay++;
    try {
      const data = await callTRPCProcedure({
        router: options.router,
        path: request.path,
        getRawInput: async () => request.input,
        ctx: context,
        type: request.type,
        signal: undefined,
        batchIndex: 0,
      });
      answer({ id: request.id, ok: true, data });
    } catch (thrown) {
      answer({ id: request.id, ok: false, error: options.toErrorShape(thrown) });
    } finally {
      underWay--;
    }
  };

  socket.on('message', (bytes: Buffer, isBinary: boolean) => {
    try {
      if (!isBinary) throw new MendlogError('MALFORMED', 'a message is text');
      const request = decodeRequest(bytes);
      if (underWay >= LIMITS.connectionRequestsMax) {
        answer({
          id: request.id,
          ok: false,
          error: { code: 'OVERLOADED', message: 'too many calls are under way' },
        });
        return;
      }
      void serve(request);
    } catch {
      socket.close(1007, 'malformed message');
    }
  });
}
