/** What a caller gets to see of anything that was thrown: a code, a sentence, facts; never a stack. */
import { type ErrorCode, type ErrorShape, MendlogError } from '@mendlog/core';
import { TRPCError } from '@trpc/server';
import { ZodError } from 'zod';

type TrpcCode = TRPCError['code'];

const ISSUES_NAMED_MAX = 5;
const FAULT_CHARS_MAX = 200;

const TRPC_CODE_OF_STATUS: Readonly<Record<number, TrpcCode>> = {
  400: 'BAD_REQUEST',
  401: 'UNAUTHORIZED',
  404: 'NOT_FOUND',
  405: 'METHOD_NOT_SUPPORTED',
  409: 'CONFLICT',
  413: 'PAYLOAD_TOO_LARGE',
  415: 'UNSUPPORTED_MEDIA_TYPE',
  421: 'BAD_REQUEST',
  503: 'SERVICE_UNAVAILABLE',
  504: 'GATEWAY_TIMEOUT',
};

const CODE_OF_TRPC_CODE: Partial<Record<TrpcCode, ErrorCode>> = {
  PARSE_ERROR: 'BAD_REQUEST',
  BAD_REQUEST: 'BAD_REQUEST',
  NOT_FOUND: 'NOT_FOUND',
  METHOD_NOT_SUPPORTED: 'METHOD_NOT_ALLOWED',
  PAYLOAD_TOO_LARGE: 'TOO_LARGE',
  UNSUPPORTED_MEDIA_TYPE: 'UNSUPPORTED_MEDIA_TYPE',
};

export function trpcCodeOf(error: MendlogError): TrpcCode {
  return TRPC_CODE_OF_STATUS[error.httpStatus] ?? 'INTERNAL_SERVER_ERROR';
}

export function errorShapeOf(thrown: unknown): ErrorShape {
  if (thrown instanceof MendlogError) return thrown.toShape();
  if (thrown instanceof TRPCError) return shapeOfTrpcError(thrown);
  return { code: 'INTERNAL', message: 'an internal error; the node has logged it' };
}

function shapeOfTrpcError(error: TRPCError): ErrorShape {
  if (error.cause instanceof MendlogError) return error.cause.toShape();
  // Of an input: an answer that does not fit its schema is our fault.
  if (error.code === 'BAD_REQUEST' && error.cause instanceof ZodError)
    return { code: 'BAD_REQUEST', message: sentenceOf(error.cause) };
  const code = CODE_OF_TRPC_CODE[error.code];
  if (code === undefined) return { code: 'INTERNAL', message: 'an internal error; the node has logged it' };
  return { code, message: error.message };
}

/** Names the first faults: an input of many may not be answered with as many sentences. */
function sentenceOf(error: ZodError): string {
  const faults = error.issues
    .slice(0, ISSUES_NAMED_MAX)
    .map(({ path, message }) => (path.length === 0 ? message : `${path.join('.')}: ${message}`))
    .map((fault) => (fault.length > FAULT_CHARS_MAX ? `${fault.slice(0, FAULT_CHARS_MAX)}...` : fault));
  const more = error.issues.length - faults.length;
  return faults.join('; ') + (more > 0 ? `; and ${more} more` : '');
}
