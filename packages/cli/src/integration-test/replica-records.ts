/**
 * What one replica holds, read from its data folder with nobody else to ask: a node without peers, in
 * this process, while the cluster is down.
 */
import { createHash } from 'node:crypto';
import { bytesCodec, createClient } from '@mendlog/client';
import { createNode } from '@mendlog/node';

/** Per partition and version, a digest of the value's bytes. */
export type ReplicaRecords = ReadonlyMap<string, string>;

export async function readReplica(
  nodeId: string,
  dataDir: string,
  partitions: readonly string[],
): Promise<ReplicaRecords> {
  await using node = await createNode({
    id: nodeId,
    dataDir,
    listen: '127.0.0.1:0',
    replicationFactor: 1,
    reconciliation: { intervalMs: 0 },
  });
  await using client = createClient({ nodes: [node.url], consistency: 'ONE' });
  const records = new Map<string, string>();
  for (const partition of partitions) {
    for await (const { version, value } of client.partition(partition, { codec: bytesCodec }).scan())
      records.set(recordName(partition, version), digestOf(value));
  }
  return records;
}

export function recordName(partition: string, version: string): string {
  return `${partition}/${version}`;
}

export function digestOf(value: Uint8Array): string {
  return createHash('sha256').update(value).digest('base64');
}

/** Records that one of the two lacks or holds with other bytes. */
export function differences(one: ReplicaRecords, other: ReplicaRecords): string[] {
  const names = new Set([...one.keys(), ...other.keys()]);
  return [...names].filter((name) => one.get(name) !== other.get(name));
}
