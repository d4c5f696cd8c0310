/**
 * The address of one node as seen from another one: a TCP proxy that passes bytes on as both ways allow. What is
 * held stays with the sender's side, whose buffers fill as they do on a real network; the end of a connection
 * waits its turn like bytes.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import type { WayGate } from './passages.js';

const HOST = '127.0.0.1';
const CONNECTIONS_MAX = 1000;

export class Link {
  readonly #server: Server;
  readonly #out: WayGate;
  readonly #back: WayGate;
  readonly #sockets = new Set<Socket>();
  #targetPort = 0;

  /** `out`: from who connects to the node that is connected to; `back`: the other way. */
  constructor(out: WayGate, back: WayGate) {
    this.#out = out;
    this.#back = back;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket));
    this.#server.maxConnections = CONNECTIONS_MAX;
  }

  async listen(): Promise<number> {
    this.#server.listen(0, HOST);
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  /** Where the node listens now; 0 while it does not run. */
  setTarget(port: number): void {
    this.#targetPort = port;
  }

  /** Breaks what is connected, where a way says so. */
  enforce(): void {
    if (!this.#out.isRefused && !this.#back.isRefused) return;
    for (const socket of this.#sockets) socket.destroy();
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #accept(caller: Socket): void {
    if (this.#targetPort === 0 || this.#out.isRefused || this.#back.isRefused) {
      caller.resetAndDestroy();
      return;
    }
    const node = connect({ port: this.#targetPort, host: HOST, allowHalfOpen: true, noDelay: true });
    for (const socket of [caller, node]) {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      // Whoever reads from it is told too.
      socket.on('error', () => {});
    }
    void passOn(caller, node, this.#out);
    void passOn(node, caller, this.#back);
  }
}

/** Ends when the source does. Each end is passed on by the one that reads it, so that it too comes only when it may. */
async function passOn(source: Socket, sink: Socket, gate: WayGate): Promise<void> {
  try {
    // A source that has ended can still be written to.
    for await (const bytes of source.iterator({ destroyOnReturn: false })) {
      await gate.pass();
      await written(sink, bytes);
    }
    await gate.pass();
    sink.end();
  } catch {
    await gate.pass();
    sink.destroy();
  }
}

function written(sink: Socket, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    sink.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}
