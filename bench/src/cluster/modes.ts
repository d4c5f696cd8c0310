/** What a call of the load is, by the name that --mode takes. Another kind of call is another entry here. */
import type { Partition } from '@mendlog/client';

/** What the calls of a run share. */
interface ModeTarget {
  readonly partitions: readonly Partition<Uint8Array>[];
  readonly value: Uint8Array;
}

/** Keys that puts and gets are spread over, all partitions together. */
const KEYS = 100_000;
/** Puts that are under way together while the keys are made. */
const FILL_OUTSTANDING = 2048;

/** The mode that is no load: see measure-repair.ts. */
export const REPAIR_MODE = 'repair';

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
  [
    'append-bulk',
    {
      what: 'partition.append(value, { idempotent: false })',
      begin:
        async ({ partitions, value }) =>
        () =>
          anyOf(partitions).append(value, { idempotent: false }),
    },
  ],
  [
    'append-causal',
    {
      what: "partition.append(value, { idempotent: false, order: 'causal' })",
      begin:
        async ({ partitions, value }) =>
        () =>
          anyOf(partitions).append(value, { idempotent: false, order: 'causal' }),
    },
  ],
  [
    'put',
    {
      what: `partition.put(key, value), ${KEYS} keys`,
      begin:
        async ({ partitions, value }) =>
        () =>
          keyAt(partitions, anyKey(), (partition, key) => partition.put(key, value)),
    },
  ],
  [
    'get',
    {
      what: `partition.get(key), ${KEYS} keys, all of them put before`,
      async begin({ partitions, value }) {
        let next = 0;
        const fill = async () => {
          while (next < KEYS) await keyAt(partitions, next++, (partition, key) => partition.put(key, value));
        };
        await Promise.all(Array.from({ length: FILL_OUTSTANDING }, fill));
        return () => keyAt(partitions, anyKey(), (partition, key) => partition.get(key));
      },
    },
  ],
]);

function anyKey(): number {
  return Math.floor(Math.random() * KEYS);
}

/** Each key belongs to one partition. */
function keyAt<Answer>(
  partitions: readonly Partition<Uint8Array>[],
  number: number,
  ask: (partition: Partition<Uint8Array>, key: string) => Promise<Answer>,
): Promise<Answer> {
  const partition = partitions[number % partitions.length];
  if (partition === undefined) throw new TypeError('there is no partition');
  return ask(partition, `key-${String(number).padStart(12, '0')}`);
}

function anyOf<Item>(items: readonly Item[]): Item {
  const item = items[Math.floor(Math.random() * items.length)];
  if (item === undefined) throw new TypeError('there is nothing to choose from');
  return item;
}
