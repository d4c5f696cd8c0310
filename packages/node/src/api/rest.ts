/**
 * REST from the same procedures: a table of routes, each a method, a path, and the procedure it calls.
 * Errors are problem details (RFC 9457) with the stable code beside them.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ERROR_CODES, type ErrorShape, LIMITS, MendlogError } from '@mendlog/core';
import { errorShapeOf } from './error-shape.js';
import { type RouterContext, router } from './router.js';

type Caller = ReturnType<typeof router.createCaller>;
/** Path parameters, query parameters and body, in one object; zod checks it in the procedure. */
type Input = Record<string, unknown>;

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

interface Route {
  readonly method: 'GET' | 'POST';
  /** `:name` stands for one path segment. */
  readonly path: string;
  call(caller: Caller, input: Input): Promise<Answer>;
}

const ok = (body: unknown): Answer => ({ status: 200, body });

// The procedures check their inputs with zod: a cast here would only repeat what they refuse.
const ROUTES: readonly Route[] = [
  {
    method: 'GET',
    path: '/api/health',
    call: async (caller) => {
      const health = await caller.cluster.health();
      return { status: health.status === 'DOWN' ? 503 : 200, body: health };
    },
  },
  {
    method: 'POST',
    path: '/api/write',
    call: async (caller, input) => ({ status: 201, body: await call(caller.records.append, input) }),
  },
  {
    method: 'GET',
    path: '/api/read/:partitionId/:id',
    call: async (caller, input) => ok(await call(caller.records.read, input)),
  },
  {
    method: 'GET',
    path: '/api/scan/:partitionId',
    call: async (caller, input) => ok(await call(caller.records.scan, input)),
  },
  { method: 'GET', path: '/api/hints/stats', call: async (caller) => ok(await caller.hints.stats()) },
  {
    method: 'POST',
    path: '/api/hints/drop',
    call: async (caller, input) => ok(await call(caller.hints.drop, input)),
  },
  { method: 'GET', path: '/api/cluster/summary', call: async (caller) => ok(await caller.cluster.summary()) },
  {
    method: 'GET',
    path: '/api/coordinator/preview',
    call: async (caller, input) => ok(await call(caller.antiEntropy.preview, input)),
  },
  {
    method: 'GET',
    path: '/api/coordinator/jobs',
    call: async (caller, input) => ok(await call(caller.antiEntropy.jobs, input)),
  },
  {
    method: 'POST',
    path: '/api/coordinator/trigger',
    call: async (caller, input) => ({ status: 202, body: await call(caller.antiEntropy.trigger, input) }),
  },
];

/** Calls a procedure with an input that only its schema has yet to see. */
async function call(procedure: (input: never) => Promise<unknown>, input: Input): Promise<unknown> {
  return await Reflect.apply(procedure, undefined, [input]);
}

/** Answers any request; never throws. */
export async function answerRest(
  request: IncomingMessage,
  response: ServerResponse,
  context: RouterContext,
): Promise<void> {
  try {
    const url = new URL(request.url ?? '/', 'http://node');
    const { route, parameters } = findRoute(request.method ?? 'GET', url.pathname);
    const body = route.method === 'POST' ? await readJsonBody(request) : {};
    const input = { ...Object.fromEntries(url.searchParams), ...body, ...parameters };
    const { status, body: answer } = await route.call(router.createCaller(context), input);
    sendJson(response, status, answer);
  } catch (thrown) {
    sendProblem(response, errorShapeOf(thrown));
    // What is left of a refused body is not read: the connection ends with the answer.
    if (!request.complete) request.destroy();
  }
}

export function sendProblem(response: ServerResponse, error: ErrorShape): void {
  const status = ERROR_CODES[error.code].httpStatus;
  const allow = error.details?.['allow'];
  if (typeof allow === 'string') response.setHeader('allow', allow);
  const problem = {
    type: `urn:mendlog:error:${error.code}`,
    title: error.code,
    status,
    detail: error.message,
    code: error.code,
    ...error.details,
  };
  sendJson(response, status, problem, 'application/problem+json');
}

function sendJson(response: ServerResponse, status: number, body: unknown, type = 'application/json'): void {
  const bytes = Buffer.from(`${JSON.stringify(body)}\n`);
  response.writeHead(status, { 'content-type': `${type}; charset=utf-8`, 'content-length': bytes.length });
  response.end(bytes);
}

function findRoute(method: string, path: string): { route: Route; parameters: Record<string, string> } {
  const matching = ROUTES.flatMap((route) => {
    const parameters = matchPath(route.path, path);
    return parameters === undefined ? [] : [{ route, parameters }];
  });
  if (matching.length === 0) throw new MendlogError('NOT_FOUND', `there is nothing at ${path}`);
  const found = matching.find(({ route }) => route.method === method);
  if (found !== undefined) return found;
  const allow = matching.map(({ route }) => route.method).join(', ');
  throw new MendlogError('METHOD_NOT_ALLOWED', `${path} takes ${allow}`, { details: { allow } });
}

function matchPath(pattern: string, path: string): Record<string, string> | undefined {
  const wanted = pattern.split('/');
  const given = path.split('/');
  if (wanted.length !== given.length) return undefined;
  const parameters: Record<string, string> = {};
  for (const [i, segment] of wanted.entries()) {
    const value = given[i] ?? '';
    if (segment.startsWith(':')) parameters[segment.slice(1)] = decodeSegment(value);
    else if (segment !== value) return undefined;
  }
  return parameters;
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch (cause) {
    throw new MendlogError('BAD_REQUEST', 'the path holds a broken percent escape', { cause });
  }
}

async function readJsonBody(request: IncomingMessage): Promise<Input> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > LIMITS.jsonBodyBytesMax) {
      throw new MendlogError('TOO_LARGE', `a body is limited to ${LIMITS.jsonBodyBytesMax} bytes`);
    }
    chunks.push(chunk);
  }
  if (bytes === 0) return {};
  let body: unknown;
  try {
    body = JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch (cause) {
    throw new MendlogError('BAD_REQUEST', 'the body is not JSON', { cause });
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new MendlogError('BAD_REQUEST', 'the body is not a JSON object');
  }
  return { ...body };
}
