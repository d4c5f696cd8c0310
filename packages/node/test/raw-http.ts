// Bytes to a port, as nobody's HTTP client would send them, and what comes back until the end.
import { connect } from 'node:net';
import { eventually } from './eventually.js';

export interface RawAnswer {
  /** Undefined where the connection was closed without an answer. */
  readonly status: number | undefined;
  readonly text: string;
}

export interface RawOptions {
  /** Say that nothing follows. Without it the connection stays open, as a stalled sender's, until the server ends it. */
  readonly end?: boolean;
}

/** Sends, and waits for the server to close the connection. */
export async function sendRaw(
  url: string,
  bytes: string | Uint8Array,
  options: RawOptions = {},
): Promise<RawAnswer> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let text = '';
  let closed = false;
  socket.setEncoding('latin1').on('data', (part: string) => {
    text += part;
  });
  // A reset is an end as good as any.
  socket.on('error', () => {});
  socket.on('close', () => {
    closed = true;
  });
  socket.write(bytes);
  if (options.end === true) socket.end();
  try {
    await eventually(
      { for: `an end of the connection after ${JSON.stringify(text.slice(0, 200))}` },
      () => closed,
      Boolean,
    );
  } finally {
    socket.destroy();
  }
  const status = /^HTTP\/1\.1 ([0-9]{3}) /.exec(text)?.[1];
  return { status: status === undefined ? undefined : Number(status), text };
}

/** A request as bytes, with the length of its body; the answer ends the connection. */
export function rawRequest(
  line: string,
  headers: Readonly<Record<string, string>> = {},
  body: string | Uint8Array = '',
): Uint8Array {
  const bytes = Buffer.from(body);
  const all = { host: 'node', connection: 'close', 'content-length': String(bytes.length), ...headers };
  const head = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([Buffer.from(`${line} HTTP/1.1\r\n${head.join('')}\r\n`, 'latin1'), bytes]);
}
