/**
 * Checks the options of createNode before anything is opened: JavaScript lets anything through, and a
 * node that began with half of what it needs would leave a folder that no other can use.
 */
import { MendlogError } from '@mendlog/core';

const NODE_ID = /^[A-Za-z0-9._-]{1,100}$/;

interface CheckedOptions {
  readonly id: string;
  readonly dataDir: string;
  readonly peers?: Readonly<Record<string, string>>;
  readonly replicationFactor?: number;
}

/** Throws BAD_CONFIG with what is wrong and what was expected. */
export function checkNodeOptions({ dataDir, id, peers, replicationFactor }: CheckedOptions): void {
  checkNodeId(id, 'id');
  if (typeof dataDir !== 'string')
    throw new MendlogError('BAD_CONFIG', `dataDir is ${dataDir}: expected the name of a folder`);
  if (replicationFactor !== undefined && !(Number.isInteger(replicationFactor) && replicationFactor >= 1)) {
    throw new MendlogError(
      'BAD_CONFIG',
      `replicationFactor is ${replicationFactor}: expected an integer of at least 1`,
    );
  }
  const idOf = new Map<string, string>();
  for (const [peerId, url] of Object.entries(peers ?? {})) {
    checkNodeId(peerId, 'a peer id');
    if (typeof url !== 'string' || !/^https?:\/\//.test(url) || !URL.canParse(url)) {
      throw new MendlogError(
        'BAD_CONFIG',
        `the URL of peer ${peerId} is ${url}: it looks like http://127.0.0.1:8081`,
      );
    }
    const { origin } = new URL(url);
    const other = idOf.get(origin);
    if (other !== undefined)
      throw new MendlogError('BAD_CONFIG', `the peers ${other} and ${peerId} have one URL, ${origin}`);
    idOf.set(origin, peerId);
  }
}

export function checkNodeId(id: string, what: string): void {
  if (typeof id === 'string' && NODE_ID.test(id)) return;
  throw new MendlogError('BAD_CONFIG', `${what} is "${id}": expected 1 to 100 of A-Z a-z 0-9 . _ -`);
}
