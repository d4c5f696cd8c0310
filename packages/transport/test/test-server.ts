// A small router behind a real HTTP server, and raw WebSocket clients that say what they like.
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type ErrorShape, LIMITS, MendlogError } from '@mendlog/core';
import { initTRPC, TRPCError, tracked } from '@trpc/server';
import { WebSocket } from 'ws';
import type { Abandonment } from '../src/abandonment.js';
import { type BinaryAdapter, type BinaryAdapterOptions, createBinaryAdapter } from '../src/adapter.js';
import { Connection, type ConnectionOptions } from '../src/connection.js';
import { ConnectionFaults } from '../src/connection-faults.js';
import { SUBPROTOCOL } from '../src/messages.js';

interface Context {
  readonly authorization: string | undefined;
  /** Calls of `wait` that have begun. */
  readonly waiting: Set<(value: string) => void>;
  /** Why calls of `wait` were given up. */
  readonly aborts: string[];
  readonly abandonment: Abandonment;
  readonly generators: Generators;
}

/** What the subscriptions of a server have done. */
interface Generators {
  begun: number;
  ended: number;
  /** Items that all of them were asked for. */
  produced: number;
}

interface ItemsInput {
  readonly items: number;
  readonly bytes: number;
  /** Then it throws, waits for its end, or returns something that is too long. */
  readonly finish?: 'refuse' | 'wait' | 'too-long';
}

// MessagePack carries bytes as they are: with a transformer, tRPC's types say so too.
const t = initTRPC.context<Context>().create({
  transformer: { serialize: (value: unknown) => value, deserialize: (value: unknown) => value },
});

const anything = (input: unknown) => input;

const router = t.router({
  echo: t.procedure.input(anything).query(({ input }) => input),
  length: t.procedure.input((input) => bytesOf(input)).mutation(({ input }) => ({ length: input.length })),
  authorization: t.procedure.query(({ ctx }) => ctx.authorization),
  bytes: t.procedure.input(Number).query(({ input }) => new Uint8Array(input)),
  wait: t.procedure.query(
    ({ ctx }) =>
      new Promise<string>((resolve) => {
        const { signal } = ctx.abandonment;
        ctx.waiting.add(resolve);
        signal.addEventListener('abort', () => ctx.aborts.push(String(signal.reason.message)));
      }),
  ),
  items: t.procedure
    .input((input) => itemsInputOf(input))
    .subscription(({ input, ctx }) => producedItems(input, ctx)),
  tracked: t.procedure.subscription(async function* () {
    yield tracked('first', 1);
    yield tracked('second', 2);
  }),
  refuse: t.procedure.query(() => {
    throw new MendlogError('AMBIGUOUS_ID', 'two records', {
      details: { versions: ['1-a', '1-b'], needed: 2 },
    });
  }),
  fail: t.procedure.query(() => {
    throw new Error('a secret of the server');
  }),
});

async function* producedItems(
  { items, bytes, finish }: ItemsInput,
  { generators, abandonment }: Context,
): AsyncGenerator<{ readonly number: number; readonly bytes: Uint8Array }> {
  generators.begun++;
  try {
    for (let number = 0; number < items; number++) {
      generators.produced++;
      yield { number, bytes: new Uint8Array(bytes) };
    }
    if (finish === 'refuse') throw new MendlogError('NOT_FOUND', 'no more of them');
    if (finish === 'too-long') yield { number: items, bytes: new Uint8Array(LIMITS.messageBytesMax) };
    const { signal } = abandonment;
    if (finish === 'wait' && !signal.aborted) await once(signal, 'abort');
  } finally {
    generators.ended++;
  }
}

export type TestRouter = typeof router;

function itemsInputOf(input: unknown): ItemsInput {
  const { items, bytes, finish } = Object(input);
  return { items: Number(items), bytes: Number(bytes), finish };
}

function bytesOf(input: unknown): Uint8Array {
  if (input instanceof Uint8Array) return input;
  throw new TypeError('bytes are needed here');
}

function toErrorShape(thrown: unknown): ErrorShape {
  const cause = thrown instanceof TRPCError ? thrown.cause : thrown;
  if (cause instanceof MendlogError) return cause.toShape();
  if (thrown instanceof TRPCError && thrown.code === 'NOT_FOUND')
    return { code: 'NOT_FOUND', message: thrown.message };
  return { code: 'INTERNAL', message: 'an internal error' };
}

type AdapterOptions = Partial<BinaryAdapterOptions<TestRouter>>;

export class TestServer implements AsyncDisposable {
  /** Calls of `wait` on any connection, to be answered by the test. */
  readonly waiting = new Set<(value: string) => void>();
  readonly aborts: string[] = [];
  readonly generators: Generators = { begun: 0, ended: 0, produced: 0 };
  readonly #opened: { close(): void }[] = [];
  #running: { server: Server; adapter: BinaryAdapter } | undefined;
  #port = 0;

  /** What was logged of connections that were ended. */
  readonly logged: Readonly<Record<string, unknown>>[] = [];
  readonly faults = new ConnectionFaults({ warn: (_, facts) => this.logged.push(facts) });

  readonly #options: AdapterOptions;

  private constructor(options: AdapterOptions) {
    this.#options = options;
  }

  static async start(options: AdapterOptions = {}): Promise<TestServer> {
    const server = new TestServer(options);
    await server.listen();
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get connections(): number {
    return this.#running?.adapter.connections ?? 0;
  }

  /** On a free port at first, and on the same one after `die`. */
  async listen(): Promise<void> {
    const adapter = createBinaryAdapter({
      router,
      createContext:
        (request) =>
        ({ abandonment }) => ({
          authorization: request.headers.authorization,
          waiting: this.waiting,
          aborts: this.aborts,
          abandonment,
          generators: this.generators,
        }),
      toErrorShape,
      faults: this.faults,
      ...this.#options,
    });
    const server = createServer();
    server.on('upgrade', (request, socket, head) => {
      socket.on('error', () => socket.destroy());
      adapter.handleUpgrade(request, socket, head);
    });
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    this.#running = { server, adapter };
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the server has no port');
    this.#port = address.port;
  }

  /** Every connection breaks and the port is free, as when the process dies. */
  async die(): Promise<void> {
    if (this.#running === undefined) return;
    const { server, adapter } = this.#running;
    this.#running = undefined;
    const closed = once(server, 'close');
    server.close();
    adapter.close();
    server.closeAllConnections();
    await closed;
  }

  connect(options: Partial<ConnectionOptions> = {}): Connection<TestRouter> {
    const connection = new Connection<TestRouter>({ url: this.url, ...options });
    this.#opened.push(connection);
    return connection;
  }

  async connectOpen(options: Partial<ConnectionOptions> = {}): Promise<Connection<TestRouter>> {
    const connection = this.connect(options);
    if (!(await connection.waitUntilOpen(5000))) throw new Error('the connection did not open');
    return connection;
  }

  async connectRaw(): Promise<RawClient> {
    const client = new RawClient(this.url);
    this.#opened.push(client);
    await client.opened;
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const opened of this.#opened) opened.close();
    await this.die();
  }
}

/** A WebSocket without manners. */
export class RawClient {
  readonly socket: WebSocket;
  readonly opened: Promise<unknown>;
  /** The close code, once the connection has ended. */
  readonly ended: Promise<number>;
  readonly received: Uint8Array[] = [];

  constructor(url: string) {
    this.socket = new WebSocket(url.replace(/^http/, 'ws'), SUBPROTOCOL);
    this.socket.binaryType = 'nodebuffer';
    this.opened = once(this.socket, 'open');
    this.ended = once(this.socket, 'close').then(([code]) => code);
    this.socket.on('message', (bytes: Buffer) => this.received.push(bytes));
    this.socket.on('error', () => {});
  }

  close(): void {
    this.socket.terminate();
  }
}
