/** Opens the WebSocket of a connection, and turns a refused handshake into the words of whoever refused it. */
import type { IncomingMessage } from 'node:http';
import { LIMITS, MendlogError } from '@mendlog/core';
import { WebSocket } from 'ws';
import { SUBPROTOCOL } from './messages.js';

export interface SocketTarget {
  readonly url: string;
  readonly path: string;
  readonly token: string | undefined;
}

const HANDSHAKE_TIMEOUT_MS = 2000;
const REASON_CHARS_MAX = 200;

/** The socket closes after `onRefused`, as after every failure. */
export function openSocket(target: SocketTarget, onRefused: (refusal: MendlogError) => void): WebSocket {
  const socket = new WebSocket(new URL(target.path, target.url.replace(/^http/, 'ws')), SUBPROTOCOL, {
    perMessageDeflate: false,
    // Masks protect proxies from what a browser's page sends. Nobody but a node reads this, and the mask of
    // zeros saves a pass over each message at both ends.
    generateMask() {},
    maxPayload: LIMITS.messageBytesMax,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    headers: target.token === undefined ? {} : { authorization: `Bearer ${target.token}` },
  });
  socket.binaryType = 'nodebuffer';
  // The close event follows every error and carries on from there.
  socket.on('error', () => {});
  socket.on('unexpected-response', (_request, response: IncomingMessage) => {
    const end = (why: string) => {
      const { statusCode } = response;
      const words = `${target.url} refuses the connection: ${statusCode} ${printable(why)}`.trim();
      onRefused(new MendlogError(statusCode === 401 ? 'UNAUTHORIZED' : 'UNREACHABLE', words));
      socket.terminate();
    };
    response.once('data', (chunk: Buffer) => end(chunk.toString('utf8')));
    response.once('end', () => {
      if (socket.readyState === socket.CONNECTING) end('');
    });
    response.on('error', () => {});
  });
  return socket;
}

function printable(why: string): string {
  return why
    .slice(0, REASON_CHARS_MAX)
    .replaceAll(/[^ -~]+/g, ' ')
    .trim();
}
