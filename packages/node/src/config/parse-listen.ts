/** The addresses that nodes and gateways listen on. */
import { MendlogError } from '@mendlog/core';

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Reads `host:port`. Throws BAD_CONFIG. */
export function parseListen(listen: string): ListenAddress {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:]+)):([0-9]{1,5})$/.exec(listen);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined || port > 65_535) {
    throw new MendlogError(
      'BAD_CONFIG',
      `cannot listen on "${listen}": an address looks like 127.0.0.1:8081`,
    );
  }
  return { host, port };
}
