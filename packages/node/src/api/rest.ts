/**
 * Answers REST requests by the table of routes. Errors are problem details (RFC 9457) with the stable
 * code beside them.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ERROR_CODES, type ErrorShape, LIMITS, MendlogError } from '@mendlog/core';
import { errorShapeOf } from './error-shape.js';
import { openApiDocument } from './openapi.js';
import type { RouterContext } from './procedure.js';
import { router } from './router.js';
import { type Input, ROUTES, type Route } from './routes.js';

const REFUSED_BODY_MS = 1000;

/** Answers any request; never throws. */
export async function answerRest(
  request: IncomingMessage,
  response: ServerResponse,
  context: RouterContext,
): Promise<void> {
  try {
    const url = new URL(request.url ?? '/', 'http://node');
    if (request.method === 'GET' && url.pathname === '/openapi.json') {
      sendJson(response, 200, openApiDocument());
      return;
    }
    const { route, parameters } = findRoute(request.method ?? 'GET', url.pathname);
    const given =
      route.method === 'POST' || route.method === 'PUT'
        ? await readJsonBody(request)
        : Object.fromEntries(url.searchParams);
    const input = { ...given, ...parameters };
    const answer = await route.call(router.createCaller(context), input);
    const status = route.statusOf?.(answer) ?? route.status;
    if (route.output === undefined) sendText(response, status, String(answer));
    else sendJson(response, status, answer);
  } catch (thrown) {
    // What is left of a refused body is thrown away for a while, so that its sender sees the answer.
    if (!request.complete) {
      response.setHeader('connection', 'close');
      request.resume();
      setTimeout(() => request.destroy(), REFUSED_BODY_MS).unref();
    }
    sendProblem(response, errorShapeOf(thrown));
  }
}

function sendProblem(response: ServerResponse, error: ErrorShape): void {
  const status = ERROR_CODES[error.code].httpStatus;
  const allow = error.details?.allow;
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

function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
  response.end(text);
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
