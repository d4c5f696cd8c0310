// The proxies between nodes: bytes pass, wait, are late or are cut off, each way by itself.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { Link } from '../src/link.js';
import { passagesUnder, WayGate } from '../src/passages.js';

/** A node that answers every piece with itself, through a link. */
class Echo implements AsyncDisposable {
  readonly out = new WayGate();
  readonly back = new WayGate();
  readonly link = new Link(this.out, this.back);
  /** All that has come to the node. */
  heard = '';
  #port = 0;
  readonly #server: Server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      this.heard += bytes.toString();
      socket.write(bytes);
    });
  });

  async start(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.link.setTarget((this.#server.address() as AddressInfo).port);
    this.#port = await this.link.listen();
    return this;
  }

  async call(): Promise<Socket> {
    const socket = connect(this.#port, '127.0.0.1');
    socket.setEncoding('utf8');
    socket.on('error', () => {});
    await once(socket, 'connect');
    return socket;
  }

  /** Resolves when a new connection is broken. */
  async untilRefused(): Promise<void> {
    const socket = connect(this.#port, '127.0.0.1');
    socket.on('error', () => {});
    await new Promise((resolve) => socket.on('close', resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.link.close();
    this.#server.close();
  }
}

/** Writes, and resolves to what comes back first. */
async function said(socket: Socket, text: string): Promise<string> {
  socket.write(text);
  const [answer] = await once(socket, 'data');
  return String(answer);
}

describe('link', () => {
  test('link: bytes pass both ways, and the end of a connection too', async () => {
    await using echo = await new Echo().start();
    const socket = await echo.call();
    expect(await said(socket, 'hello')).toBe('hello');
    socket.end();
    await once(socket, 'close');
  });

  test('link: what is held on its way arrives when the way is open again (way=out)', async () => {
    await using echo = await new Echo().start();
    await using other = await new Echo().start();
    const socket = await echo.call();
    await said(socket, 'a');
    echo.out.set('hold', 0);
    const answer = said(socket, 'b');
    // What goes to another node meanwhile shows that these bytes had their chance.
    const free = await other.call();
    for (const text of ['1', '2', '3']) await said(free, text);
    expect(echo.heard).toBe('a');
    free.destroy();
    echo.out.set('open', 0);
    expect(await answer).toBe('b');
    expect(echo.heard).toBe('ab');
    socket.destroy();
  });

  test('link: an answer is held while questions pass (way=back)', async () => {
    await using echo = await new Echo().start();
    const socket = await echo.call();
    await said(socket, 'a');
    echo.back.set('hold', 0);
    const answer = said(socket, 'b');
    await expect.poll(() => echo.heard).toBe('ab');
    expect(socket.readableLength).toBe(0);
    echo.back.set('open', 0);
    expect(await answer).toBe('b');
    socket.destroy();
  });

  test('link: connections are broken where a way is refused, and new ones too, until it is open', async () => {
    await using echo = await new Echo().start();
    const socket = await echo.call();
    await said(socket, 'a');
    const broken = new Promise((resolve) => socket.on('close', resolve));
    echo.back.set('refuse', 0);
    echo.link.enforce();
    await broken;
    await echo.untilRefused();
    echo.back.set('open', 0);
    const again = await echo.call();
    expect(await said(again, 'b')).toBe('b');
    again.destroy();
  });

  test('link: a node that does not run takes no connection', async () => {
    await using echo = await new Echo().start();
    echo.link.setTarget(0);
    await echo.untilRefused();
    expect(echo.heard).toBe('');
  });
});

describe('passages', () => {
  test('passages: faults together make the worst of each way', () => {
    const about = { atMs: 0, forMs: 1000 };
    const states = passagesUnder([
      { ...about, kind: 'slow', nodes: ['node1'], delayMs: 50 },
      { ...about, kind: 'one-way', nodes: ['node1', 'node2'] },
      { ...about, kind: 'refuse', nodes: ['node2'] },
      { ...about, kind: 'kill', nodes: ['node3'] },
    ]);
    const stateOf = (from: string, to: string) => states.find((one) => one.from === from && one.to === to);
    expect(states).toHaveLength(9);
    expect(stateOf('node1', 'node2')).toMatchObject({ passage: 'refuse', delayMs: 50 });
    expect(stateOf('node1', 'node3')).toMatchObject({ passage: 'open', delayMs: 50 });
    expect(stateOf('node2', 'node3')).toMatchObject({ passage: 'refuse', delayMs: 0 });
    expect(stateOf('node1', 'node1')).toMatchObject({ passage: 'open', delayMs: 0 });
  });
});
