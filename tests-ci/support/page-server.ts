// Serves this checkout to a browser: built packages as they are, test files transpiled, and bare imports mapped as the
// `browser` condition of each package's exports says.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('../../', import.meta.url));
const MEDIA_TYPES: Readonly<Record<string, string>> = {
  js: 'text/javascript',
  wasm: 'application/wasm',
  json: 'application/json',
};

interface Manifest {
  readonly exports: Readonly<Record<string, { browser?: { default: string }; default: string }>>;
}

export interface PageServer extends AsyncDisposable {
  readonly url: string;
  /** Paths that were asked for. */
  readonly paths: readonly string[];
}

/** `GET /?page=PATH` is a page that runs the module at PATH. */
export async function startPageServer(): Promise<PageServer> {
  const paths: string[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    paths.push(url.pathname);
    const page = url.searchParams.get('page');
    if (page !== null) send(response, 'text/html', htmlOf(page));
    else sendFile(response, url.pathname);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return {
    url: `http://127.0.0.1:${address.port}/`,
    paths,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

function htmlOf(page: string): string {
  const imports = Object.fromEntries(['core', 'merkle'].map((name) => [`@mendlog/${name}`, entryOf(name)]));
  return `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">
    <script type="importmap">${JSON.stringify({ imports })}</script>
    <script type="module" src="${page}"></script>`;
}

function entryOf(name: string): string {
  const manifest: Manifest = JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8'));
  const entry = manifest.exports['.'];
  if (entry === undefined) throw new Error(`@mendlog/${name} exports nothing`);
  return `/packages/${name}/${normalize(entry.browser?.default ?? entry.default)}`;
}

function sendFile(response: ServerResponse, path: string): void {
  if (path === '/vectors.json') {
    send(response, 'application/json', JSON.stringify(vectorFiles()));
    return;
  }
  const file = join(root, normalize(path));
  const source = file.replace(/\.js$/, '.ts');
  if (existsSync(file)) {
    send(response, MEDIA_TYPES[file.split('.').at(-1) ?? ''] ?? 'text/plain', readFileSync(file));
  } else if (existsSync(source)) send(response, 'text/javascript', transpile(readFileSync(source, 'utf8')));
  else response.writeHead(404).end();
}

/** The text of each file of vectors, by call. */
function vectorFiles(): Record<string, string> {
  const folder = join(root, 'crates/merkle/vectors');
  return Object.fromEntries(
    readdirSync(folder).map((name) => [
      name.replace(/\.json$/, ''),
      readFileSync(join(folder, name), 'utf8'),
    ]),
  );
}

function transpile(source: string): string {
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023 };
  return ts.transpileModule(source, { compilerOptions }).outputText;
}

function send(response: ServerResponse, mediaType: string, body: string | Uint8Array): void {
  response.writeHead(200, { 'content-type': mediaType, 'cache-control': 'no-store' }).end(body);
}
