/**
 * How much a server lets one connection have under way. It says so in a header of its answer to the handshake,
 * so that the caller refuses what would be too much before it is sent.
 */
import { LIMITS } from '@mendlog/core';

export interface Grant {
  /** Calls and subscriptions. */
  readonly calls: number;
  /** Of their requests. */
  readonly bytes: number;
}

export const GRANT_HEADER = 'mendlog-grant';

export const GRANT_DEFAULT: Grant = {
  calls: LIMITS.connectionRequestsMax,
  bytes: LIMITS.connectionBytesMax,
};

export function formatGrant({ calls, bytes }: Grant): string {
  return `calls=${calls}, bytes=${bytes}`;
}

/** No more than this side has room for. Undefined where a server does not grant anything. */
export function parseGrant(header: string | readonly string[] | undefined): Grant | undefined {
  const found = typeof header === 'string' ? /^calls=([0-9]{1,15}), bytes=([0-9]{1,15})$/.exec(header) : null;
  if (found === null) return undefined;
  return {
    calls: Math.min(Number(found[1]), GRANT_DEFAULT.calls),
    bytes: Math.min(Number(found[2]), GRANT_DEFAULT.bytes),
  };
}
