/** Which node a caller means: by its id, by a URL whose host is its id, or by its address. */
import { MendlogError } from '@mendlog/core';
import type { Peers } from './peers.js';

/** An id wins over an address. Throws NOT_FOUND. */
export function nodeIdOf(peers: Pick<Peers, 'nodeIds' | 'urlOf'>, nodeUrl: string): string {
  const url = URL.canParse(nodeUrl) ? new URL(nodeUrl) : undefined;
  const found =
    peers.nodeIds.find((id) => id === nodeUrl || id.toLowerCase() === url?.hostname) ??
    peers.nodeIds.find(
      (id) =>
        url !== undefined && URL.canParse(peers.urlOf(id)) && new URL(peers.urlOf(id)).host === url.host,
    );
  if (found !== undefined) return found;
  throw new MendlogError(
    'NOT_FOUND',
    `there is no node at ${nodeUrl}; the nodes are ${peers.nodeIds.join(', ')}`,
  );
}
