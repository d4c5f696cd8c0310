/** What a call of the load is, by the name that --mode takes. Another kind of call is another entry here. */
import type { Partition } from '@mendlog/client';

/** What the calls of a run share. */
interface ModeTarget {
  readonly partitions: readonly Partition<Uint8Array>[];
  readonly value: Uint8Array;
}

/** One call, which the load awaits; it counts as one record. */
export type Call = () => Promise<unknown>;

export interface Mode {
  readonly what: string;
  /** Brings the cluster to where the calls can begin. */
  begin(target: ModeTarget): Promise<Call>;
}

export const MODES: ReadonlyMap<string, Mode> = new Map<string, Mode>([
  [
    'append',
    {
      what: 'partition.append(value)',
      begin:
        async ({ partitions, value }) =>
        () =>
          anyOf(partitions).append(value),
    },
  ],
]);

function anyOf<Item>(items: readonly Item[]): Item {
  const item = items[Math.floor(Math.random() * items.length)];
  if (item === undefined) throw new TypeError('there is nothing to choose from');
  return item;
}
