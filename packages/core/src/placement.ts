/**
 * Rendezvous hashing (Thaler and Ravishankar, "Using name-based mappings to increase hit
 * rates", 1998): every node scores every partition, and the partition's preference list is
 * the nodes by descending score: N primaries, then fallbacks. Adding or removing a node moves
 * only the partitions that it gains or loses.
 */

export interface PreferenceList {
  readonly primaries: readonly string[];
  readonly fallbacks: readonly string[];
}

/** The nodes of a partition in order of preference. Equal scores are ordered by node id. */
export function preferenceList(
  partition: string,
  nodeIds: readonly string[],
  replicationFactor: number,
): PreferenceList {
  const scored = nodeIds.map((nodeId) => ({ nodeId, score: score(partition, nodeId) }));
  scored.sort((a, b) => b.score - a.score || (a.nodeId < b.nodeId ? -1 : 1));
  const ordered = scored.map((entry) => entry.nodeId);
  return { primaries: ordered.slice(0, replicationFactor), fallbacks: ordered.slice(replicationFactor) };
}

/** FNV-1a over both names, then MurmurHash3's finaliser, which spreads the last bytes. */
function score(partition: string, nodeId: string): number {
  let hash = 0x811c9dc5;
  for (const name of [partition, '\0', nodeId]) {
    for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
