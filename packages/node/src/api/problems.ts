/**
 * Errors as HTTP carries them: problem details (RFC 9457) with the stable code beside them, and which of
 * them a route may answer with, for the OpenAPI document.
 */
import { ERROR_CODES, type ErrorCode, type ErrorShape } from '@mendlog/core';
import { z } from 'zod';

export const PROBLEM_TYPE = 'application/problem+json';

export const ProblemOutput = z.looseObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.enum(Object.keys(ERROR_CODES)),
});

/** What any request may meet: bad input, a process that is busy or closes, a node that cannot be asked or dies meanwhile. */
const ANY_ROUTE: readonly ErrorCode[] = [
  'BAD_REQUEST',
  'OVERLOADED',
  'UNAVAILABLE',
  'UNREACHABLE',
  'CLOSED',
  'CONNECTION_LOST',
];
const ANY_BODY: readonly ErrorCode[] = ['TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'];

/** The codes of a route by their status, ascending. `own` are those that only some routes have. */
export function codesByStatus(hasBody: boolean, own: readonly ErrorCode[]): Map<number, ErrorCode[]> {
  const codes = new Set([...ANY_ROUTE, ...(hasBody ? ANY_BODY : []), ...own]);
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of [...codes].sort((a, b) => statusOf(a) - statusOf(b)))
    byStatus.set(statusOf(code), [...(byStatus.get(statusOf(code)) ?? []), code]);
  return byStatus;
}

export function problemOf(error: ErrorShape, status = statusOf(error.code)): z.infer<typeof ProblemOutput> {
  return {
    ...error.details,
    type: `urn:mendlog:error:${error.code}`,
    title: error.code,
    status,
    detail: error.message,
    code: error.code,
  };
}

/** `Retry-After` of HTTP (RFC 9110), in seconds, of a node that is busy; undefined for any other error. */
export function retryAfterOf({ code, details }: ErrorShape): string | undefined {
  if (code !== 'OVERLOADED') return undefined;
  const retryAfterMs = details?.retryAfterMs;
  return String(typeof retryAfterMs === 'number' ? Math.max(1, Math.ceil(retryAfterMs / 1000)) : 1);
}

function statusOf(code: ErrorCode): number {
  return ERROR_CODES[code].httpStatus;
}
