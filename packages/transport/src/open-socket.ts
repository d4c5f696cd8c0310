/** Opens the WebSocket of a connection, and turns a refused handshake into the words of whoever refused it. */
import type { IncomingMessage } from 'node:http';
import { LIMITS, MendlogError } from '@mendlog/core';
import { WebSocket } from 'ws';
import { SUBPROTOCOL } from './messages.js';
import { isLoopback, pskClientOptions } from './psk.js';

export interface SocketTarget {
  readonly url: string;
  readonly path: string;
  readonly token: string | undefined;
  /** With it a node that is not on loopback is reached by TLS. */
  readonly psk: Uint8Array | undefined;
  readonly tls: 'off-loopback' | 'always';
}

const HANDSHAKE_TIMEOUT_MS = 2000;
const REASON_CHARS_MAX = 200;

export interface SocketFailures {
  readonly onRefused: (refusal: MendlogError) => void;
  /** Nobody there has refused anything: the network's own fault. */
  readonly onUnreachable: (error: MendlogError) => void;
}

/** The socket closes after these, as after every failure. */
export function openSocket(target: SocketTarget, { onRefused, onUnreachable }: SocketFailures): WebSocket {
  const url = new URL(target.path, target.url);
  const isPlain = url.protocol === 'http:';
  const psk = isPlain && (target.tls === 'always' || !isLoopback(url.hostname)) ? target.psk : undefined;
  url.protocol = isPlain && psk === undefined ? 'ws:' : 'wss:';
  const socket = new WebSocket(url, SUBPROTOCOL, {
    perMessageDeflate: false,
    // Masks protect proxies from what a browser's page sends. Nobody but a node reads this, and the mask of
    // zeros saves a pass over each message at both ends.
    generateMask() {},
    maxPayload: LIMITS.messageBytesMax,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    headers: target.token === undefined ? {} : { authorization: `Bearer ${target.token}` },
    ...(psk === undefined ? {} : pskClientOptions(psk)),
  });
  socket.binaryType = 'nodebuffer';
  // The close event follows every error and carries on from there.
  socket.on('error', (error) => {
    const refusal = psk === undefined ? undefined : refusalOf(error, target.url);
    if (refusal === undefined) onUnreachable(unreachable(error, target.url));
    else onRefused(refusal);
  });
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

function unreachable(cause: Error, url: string): MendlogError {
  const why = 'code' in cause ? String(cause.code) : cause.message;
  return new MendlogError('UNREACHABLE', `${url} cannot be reached (${why})`, { cause });
}

/** What a failed handshake of TLS means. Undefined for what is the network's fault. */
function refusalOf(error: Error, url: string): MendlogError | undefined {
  const code = 'code' in error ? String(error.code) : '';
  // A request that waits for the handshake fails as EPROTO, and only its message names the alert.
  if (/bad.record.mac|decrypt|psk.identity/i.test(`${code} ${error.message}`))
    return new MendlogError('UNAUTHORIZED', `${url} has another cluster secret`);
  if (!/^(ERR_SSL_|EPROTO)/.test(code)) return undefined;
  const why = `${url} does not speak TLS with a cluster secret (${code})`;
  return new MendlogError('UNREACHABLE', why);
}
