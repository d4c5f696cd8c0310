/** What a store keeps beside records and hints: jobs, the catalog and who votes. */
import { type Job, jobStarted, newJob } from '../anti-entropy/job.js';
import type { CatalogEntry } from '../catalog/catalog-entry.js';
import { expectEqual } from './expect.js';
import { version } from './made-records.js';
import { storeCase } from './opened-store.js';
import type { StoreCase } from './store-engine.js';

export const SIDE_CASES: readonly StoreCase[] = [
  storeCase('store: jobs are put, changed and deleted, and survive a restart', async (opened) => {
    const [a, b, c] = [jobOf('a'), jobOf('b'), jobOf('c')];
    for (const job of [c, a, b]) await opened.store.putJob(job);
    await opened.store.putJob(jobStarted(b, 6));
    await opened.store.deleteJobs([c.id]);
    await opened.inEachState(() => {
      const jobs = opened.store.jobs().sort((x, y) => (x.id < y.id ? -1 : 1));
      expectEqual(jobs, [a, jobStarted(b, 6)], 'jobs');
    });
    await opened.store.deleteJobs([a.id, b.id, 'of nobody']);
    await opened.inEachState(() => expectEqual(opened.store.jobs(), [], 'jobs, which are deleted'));
  }),

  storeCase('store: what is noted of votes is replaced whole, and survives a restart', async (opened) => {
    await opened.inEachState(() => expectEqual(opened.store.voteNote(), undefined, 'a note'));
    await opened.store.putVoteNote({ storeId: 's1', known: { n2: 's2', n3: 's3' } });
    const later = { storeId: 's1', known: { n2: 's4' } };
    await opened.store.putVoteNote(later);
    await opened.inEachState(() => expectEqual(opened.store.voteNote(), later, 'the note'));
  }),

  storeCase('store: catalog entries are put and replaced, and survive a restart', async (opened) => {
    const [a, b] = [entryOf('a', 1), entryOf('b', 1)];
    await opened.store.putCatalogEntries([a, b]);
    const later: CatalogEntry = { ...entryOf('a', 2), exists: false, options: {}, floor: 7 };
    await opened.store.putCatalogEntries([later]);
    await opened.inEachState(() => {
      const entries = opened.store.catalog().sort((x, y) => (x.partition < y.partition ? -1 : 1));
      expectEqual(entries, [later, b], 'catalog');
      expectEqual(opened.store.partitions(), [], 'partitions, which the catalog makes none of');
    });
  }),
];

function jobOf(id: string): Job {
  return newJob({ id, partition: 'orders', nodes: ['n1', 'n2'], reason: 'manual' }, 5);
}

function entryOf(partition: string, counter: number): CatalogEntry {
  const options = { replicationFactor: 3, retention: { maxRecords: 10 } };
  return { partition, version: version(counter), exists: true, options, floor: 0 };
}
