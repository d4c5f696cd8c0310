/**
 * Answers REST requests by the table of routes. Errors are problem details (RFC 9457) with the stable
 * code beside them.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type ErrorShape, MendlogError } from '@mendlog/core';
import { errorShapeOf } from './error-shape.js';
import { readJsonBody } from './json-body.js';
import { openApiDocument } from './openapi.js';
import { PROBLEM_TYPE, problemOf, retryAfterOf } from './problems.js';
import type { RouterContext } from './procedure.js';
import { router } from './router.js';
import { ROUTES, type Route } from './routes.js';

const REFUSED_BODY_MS = 1000;
const DOCUMENT_PATH = '/openapi.json';

/** Answers any request; never throws. */
export async function answerRest(
  request: IncomingMessage,
  response: ServerResponse,
  context: RouterContext,
): Promise<void> {
  try {
    const url = parseTarget(request.url ?? '/');
    // Node.js sends the head alone of an answer to HEAD.
    const method = request.method === 'HEAD' ? 'GET' : (request.method ?? 'GET');
    if (url.pathname === DOCUMENT_PATH) {
      if (method !== 'GET') throw methodNotAllowed(url.pathname, ['GET']);
      sendJson(response, 200, openApiDocument());
      return;
    }
    const { route, parameters } = findRoute(method, url.pathname);
    const given = await givenBy(request, url, route);
    checkNotContradicted(parameters, given);
    const answer = await route.call(router.createCaller(context), { ...given, ...parameters });
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

/** The input of a request beside what its path names: a query or a body, as the route has it. Throws BAD_REQUEST. */
async function givenBy(request: IncomingMessage, url: URL, route: Route): Promise<Record<string, unknown>> {
  if (route.method !== 'POST' && route.method !== 'PUT') return Object.fromEntries(url.searchParams);
  const body = await readJsonBody(request);
  const [inQuery] = url.searchParams.keys();
  if (inQuery !== undefined)
    throw new MendlogError(
      'BAD_REQUEST',
      `${route.method} ${route.path} takes no query: ${inQuery} belongs in the body`,
    );
  return body;
}

/** What the path names may be said again, but nothing else. Throws BAD_REQUEST. */
function checkNotContradicted(inPath: Record<string, string>, given: Record<string, unknown>): void {
  const name = Object.keys(inPath).find((name) => Object.hasOwn(given, name) && given[name] !== inPath[name]);
  if (name !== undefined)
    throw new MendlogError('BAD_REQUEST', `${name} is one in the path and another one beside it`);
}

function sendProblem(response: ServerResponse, error: ErrorShape): void {
  const allow = error.details?.allow;
  if (typeof allow === 'string') response.setHeader('allow', allow);
  const retryAfter = retryAfterOf(error);
  if (retryAfter !== undefined) response.setHeader('retry-after', retryAfter);
  const problem = problemOf(error);
  sendJson(response, problem.status, problem, PROBLEM_TYPE);
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
  throw methodNotAllowed(
    path,
    matching.map(({ route }) => route.method),
  );
}

function methodNotAllowed(path: string, methods: readonly string[]): MendlogError {
  const allow = methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).join(', ');
  return new MendlogError('METHOD_NOT_ALLOWED', `${path} takes ${allow}`, { details: { allow } });
}

/** The path and the query of a request. Throws BAD_REQUEST, also where a parameter is given twice. */
function parseTarget(target: string): URL {
  // A path that begins with two slashes is no host.
  const url = target.startsWith('/') ? `http://node${target}` : target;
  if (!URL.canParse(url)) throw new MendlogError('BAD_REQUEST', 'the request target is not a path');
  const parsed = new URL(url);
  const names = [...parsed.searchParams.keys()];
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new MendlogError('BAD_REQUEST', `${twice} is given twice`);
  return parsed;
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
