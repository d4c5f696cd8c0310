/** Which node a caller means: by its id, by a URL whose host is its id, or by its address. */
import { MendlogError } from '@mendlog/core';
import type { Peers } from './peers.js';

/** An id wins over an address. Throws NOT_FOUND. */
export function nodeIdOf(peers: Pick<Peers, 'nodeIds' | 'urlOf'>, nodeUrl: string): string {
  const url = urlFrom(nodeUrl);
  const found =
    peers.nodeIds.find((id) => id === nodeUrl || id.toLowerCase() === url?.hostname) ??
    peers.nodeIds.find((id) => url !== undefined && addressOf(urlFrom(peers.urlOf(id))) === addressOf(url));
  if (found !== undefined) return found;
  throw new MendlogError(
    'NOT_FOUND',
    `there is no node at ${nodeUrl}; the nodes are ${peers.nodeIds.join(', ')}`,
  );
}

/** An address may come without its scheme. */
function urlFrom(text: string): URL | undefined {
  const url = text.includes('://') ? text : `http://${text}`;
  return URL.canParse(url) ? new URL(url) : undefined;
}

function addressOf(url: URL | undefined): string | undefined {
  return url?.host.replace(/^localhost(?=:|$)/, '127.0.0.1');
}
