/**
 * The catalog: what users decided about single partitions, the same on every node.
 *
 * An entry is a last-writer-wins register by version, beside a floor that only rises. Nodes exchange
 * entries and merge them, in whatever order they arrive, so all catalogs become equal. A partition
 * without an entry follows the cluster's defaults, and is there while it has records.
 *
 * The floor is what a drop leaves: counters at or below it are used up, and records that carry them are
 * gone. It is kept on every node and not on the partition's replicas alone, since a partition that is
 * created anew may have other ones.
 *
 * How many replicas a partition has is decided once, when it is created: raising or lowering it later
 * would be a change of layout, with records to move.
 */
import { answersNeeded, type ConsistencyLevel } from '../consistency.js';
import { MendlogError } from '../errors.js';
import { compareVersions, formatVersion, type Version } from '../version.js';
import type { Retention } from './retention.js';

export interface PartitionOptions {
  readonly replicationFactor?: number | undefined;
  /** For calls that name no level. */
  readonly consistency?: ConsistencyLevel | undefined;
  readonly retention?: Retention | undefined;
}

export interface CatalogEntry {
  readonly partition: string;
  /** Counter and origin are the catalog's own: they have nothing to do with those of the records. */
  readonly version: Version;
  /** It was created and not dropped since: it is there even while it has no record. */
  readonly exists: boolean;
  readonly options: PartitionOptions;
  readonly floor: number;
}

/** What two nodes that exchange their entries of one partition both end up with. */
export function mergeEntries(a: CatalogEntry, b: CatalogEntry): CatalogEntry {
  const order = compareVersions(a.version, b.version) || compareTexts(a, b);
  return { ...(order >= 0 ? a : b), floor: Math.max(a.floor, b.floor) };
}

/** No two entries should share a version; should they ever, all nodes choose the same one. */
function compareTexts(a: CatalogEntry, b: CatalogEntry): number {
  const [textOfA, textOfB] = [catalogEntryText(a), catalogEntryText(b)];
  if (textOfA === textOfB) return 0;
  return textOfA > textOfB ? 1 : -1;
}

/** One entry has one text: nodes hash it to see whether their catalogs are equal. */
export function catalogEntryText({ partition, version, exists, options, floor }: CatalogEntry): string {
  const { replicationFactor, consistency, retention } = options;
  const kept = [retention?.maxAgeMs, retention?.maxRecords, retention?.maxBytes];
  return [partition, formatVersion(version), exists, floor, replicationFactor, consistency, ...kept]
    .map((field) => field ?? '')
    .join(' ');
}

/** Throws TOO_FEW_NODES for options that a cluster of so many nodes cannot keep, BAD_REQUEST for a retention of nothing. */
export function checkPartitionOptions(
  options: PartitionOptions,
  cluster: { readonly nodes: number; readonly replicationFactor: number },
): void {
  const { consistency, replicationFactor = cluster.replicationFactor, retention } = options;
  if (replicationFactor > cluster.nodes) {
    throw new MendlogError(
      'TOO_FEW_NODES',
      `a replication factor of ${replicationFactor} needs as many nodes, and the cluster has ${cluster.nodes}`,
    );
  }
  if (consistency !== undefined) answersNeeded(consistency, replicationFactor);
  if (retention !== undefined && Object.values(retention).every((limit) => limit === undefined)) {
    throw new MendlogError('BAD_REQUEST', 'a retention names at least one of maxAgeMs, maxRecords, maxBytes');
  }
}
