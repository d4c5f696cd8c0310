/** The answer to bytes that Node.js could not read as a request: a problem like every other, then the end. */
import type { Duplex } from 'node:stream';
import type { ErrorShape } from '@mendlog/core';
import { PROBLEM_TYPE, problemOf } from './problems.js';

export function refuseRequest(error: Error, socket: Duplex): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const problem = problemOf(...refusalOf('code' in error ? error.code : undefined));
  socket.end(rawAnswer(problem.status, PROBLEM_TYPE, `${JSON.stringify(problem)}\n`));
}

/** An answer without a ServerResponse, on a connection that ends with it. */
export function rawAnswer(status: number, type: string, body: string): string {
  const head = [
    `HTTP/1.1 ${status} ${REASONS[status] ?? 'Refused'}`,
    'connection: close',
    `content-type: ${type}; charset=utf-8`,
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}

const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  404: 'Not Found',
  408: 'Request Timeout',
  413: 'Content Too Large',
  431: 'Request Header Fields Too Large',
};

function refusalOf(code: unknown): [ErrorShape, number?] {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return [{ code: 'TOO_LARGE', message: 'the head of the request is over its limit' }, 431];
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return [{ code: 'TOO_LARGE', message: 'the chunk extensions are over their limit' }];
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return [{ code: 'REQUEST_TIMEOUT', message: 'the request took too long to arrive' }];
    default:
      return [{ code: 'BAD_REQUEST', message: 'this is not an HTTP request' }];
  }
}
