// Steps of the index that end half way, seen from whoever tries again.
import { expect, test } from 'vitest';
import { EntryWriter } from '../src/storage/log-entry.js';
import { VersionIndex } from '../src/storage/version-index.js';
import { frame, groupOf } from './records.js';
import { temporaryFolder } from './temporary-folder.js';
import { kernel, tagKeyOf } from './test-store.js';

const NOTHING_GONE = { trimmedTo: 0, purgedTo: 0, isPurged: () => false, hasDamaged: false };
/** Enough for several slices. */
const PARTITIONS = Array.from({ length: 100 }, (_, i) => i + 1);

test('index: a step that fails while it writes ends when that is written (partitions=100)', async () => {
  using folder = temporaryFolder();
  // In the second slice, which is worked out in the turn in which the first one is given to LMDB.
  let failsAt = 20;
  const goneOf = (id: number) => {
    if (id === failsAt) throw new Error('it cannot be read, says the test');
    return NOTHING_GONE;
  };
  const index = new VersionIndex(folder.path, { kernel, frameOf: () => undefined, goneOf });
  try {
    const parts = PARTITIONS.map((id) => {
      const name = `p${id}`;
      return {
        of: { state: { id, tagKey: tagKeyOf(name) }, group: groupOf(name, [frame(1)]) },
        from: 0,
        to: 1,
      };
    });
    const entry = new EntryWriter(kernel, 'test').write(parts);
    const runs = PARTITIONS.map(
      (id, place) => [id, [{ arrival: 1, entry, from: place, to: place + 1 }]] as const,
    );
    const arrived = { runs, entries: [{ arrival: 1, entry }], applied: 1 };
    const appliedOnes = () => PARTITIONS.filter((id) => index.partition(id).applied === 1);

    await expect(index.apply(arrived)).rejects.toThrow('says the test');
    const written = appliedOnes();
    expect(written.length).toBeGreaterThan(0);
    expect(index.applied).toBe(0);
    await index.settle([]);
    expect(appliedOnes()).toEqual(written);

    failsAt = 0;
    await index.apply(arrived);
    expect(appliedOnes()).toEqual(PARTITIONS);
    expect(index.applied).toBe(1);
    expect(index.live(1)).toMatchObject({ records: PARTITIONS.length });
  } finally {
    await index.close();
  }
});
