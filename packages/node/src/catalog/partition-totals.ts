/** A partition as this replica holds it, for lists and details; one that it does not hold is empty. */
import type { Store } from '@mendlog/core';
import type { Partitions } from '../api/service.js';
import type { Placement } from '../membership/placement.js';

export function partitionTotals(
  { store, placement }: { readonly store: Store; readonly placement: Placement },
  partition: string,
): Partitions['partitions'][number] {
  const { bytes = 0, head = 0, records = 0, trimmedTo = 0 } = store.summary(partition) ?? {};
  const primaries = [...placement.primaries(partition)];
  return { partitionId: partition, records, bytes, head, trimmedTo, primaries };
}
