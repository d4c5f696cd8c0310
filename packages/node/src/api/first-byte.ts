/**
 * TLS and plain HTTP on one port: the first byte of a connection tells them apart, since a TLS handshake
 * begins with 0x16, and no HTTP request does. A connection that says nothing in time is ended.
 */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { createServer } from 'node:tls';
import type { ConnectionFaults, FaultReason } from '@mendlog/transport/connection-faults';
import { pskServerOptions } from '@mendlog/transport/psk';

export interface FirstByteOptions {
  readonly psk: Uint8Array;
  /** For the first byte, and for the handshake of TLS. */
  readonly timeoutMs: number;
  readonly faults: ConnectionFaults;
}

export interface FirstBytes {
  /** Ends the connections that are not HTTP yet, or speak TLS. */
  close(): void;
}

const TLS_HANDSHAKE = 0x16;

/** The HTTP server goes on listening, and serves what is inside TLS as it serves what is plain. */
export function serveTlsToo(server: Server, { psk, timeoutMs, faults }: FirstByteOptions): FirstBytes {
  const sockets = new Set<Socket>();
  // What an HTTP server does with a connection is its own listener: it takes any stream, as node:https shows.
  const listeners = server.listeners('connection');
  server.removeAllListeners('connection');
  const serveHttp = (socket: Socket) => {
    for (const listener of listeners) Reflect.apply(listener, server, [socket]);
  };

  const tls = createServer({ ...pskServerOptions(psk), handshakeTimeout: timeoutMs }, serveHttp);
  tls.on('tlsClientError', (error, socket) => {
    const reason = faultOf(error);
    if (reason !== undefined) faults.record(reason, socket.remoteAddress);
    // Not yet: the alert that tells the other side why is on its way out.
    setImmediate(() => socket.destroy());
  });

  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    const forget = () => sockets.delete(socket);
    const end = () => socket.destroy();
    const giveUp = () => {
      faults.record('handshake-timeout', socket.remoteAddress);
      socket.destroy();
    };
    socket.on('close', forget);
    socket.on('error', end);
    socket.on('end', end);
    socket.setTimeout(timeoutMs, giveUp);
    socket.once('data', (bytes: Buffer) => {
      socket.setTimeout(0);
      socket.off('timeout', giveUp);
      socket.off('end', end);
      socket.pause();
      socket.unshift(bytes);
      if (bytes[0] === TLS_HANDSHAKE) {
        tls.emit('connection', socket);
        return;
      }
      socket.off('error', end);
      socket.off('close', forget);
      forget();
      serveHttp(socket);
      socket.resume();
    });
  });

  return {
    close() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Undefined for what is the network's fault. */
function faultOf(error: Error): FaultReason | undefined {
  const code = 'code' in error ? String(error.code) : '';
  if (code === 'ERR_TLS_HANDSHAKE_TIMEOUT') return 'handshake-timeout';
  if (/BAD_RECORD_MAC|DECRYPT|PSK_IDENTITY/.test(code)) return 'wrong-secret';
  return code.startsWith('ERR_SSL_') ? 'garbage' : undefined;
}
