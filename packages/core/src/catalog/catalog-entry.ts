/**
 * The catalog: what users decided about single partitions, the same on every node.
 *
 * An entry is a last-writer-wins register by version. Nodes exchange entries and keep the later one
 * of each partition, in whatever order they arrive, so all catalogs become equal. A partition without
 * an entry follows the cluster's defaults; an entry without options says that it does so again.
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
  readonly options: PartitionOptions;
}

/** The one of two entries of a partition that stays. */
export function laterEntry(a: CatalogEntry, b: CatalogEntry): CatalogEntry {
  return compareVersions(a.version, b.version) >= 0 ? a : b;
}

export function hasOptions({ options }: CatalogEntry): boolean {
  return Object.values(options).some((option) => option !== undefined);
}

/** One entry has one text: nodes hash it to see whether their catalogs are equal. */
export function catalogEntryText({ partition, version, options }: CatalogEntry): string {
  const { replicationFactor, consistency, retention } = options;
  const kept = [retention?.maxAgeMs, retention?.maxRecords, retention?.maxBytes];
  return [partition, formatVersion(version), replicationFactor, consistency, ...kept]
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
