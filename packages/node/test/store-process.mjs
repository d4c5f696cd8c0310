// A process that holds a store and dies: it applies what its parent sends and says what is acknowledged.
import { loadKernel } from '@mendlog/merkle';
import { LmdbStore } from '@mendlog/node/storage';

const [dataDir = '', secret = ''] = process.argv.slice(2);
const store = LmdbStore.open({
  dataDir,
  nodeId: 'n1',
  kernel: loadKernel(),
  secret: new TextEncoder().encode(secret),
});

/** Makes room for a purge, and makes it. */
async function purge(partition, counter) {
  await store.fence(partition, counter, store.summary(partition)?.purgedTo ?? 0);
  await store.purge(partition, counter);
}

process.on('message', ({ id, groups, trim, purged }) => {
  const done =
    trim !== undefined
      ? store.trim(trim.partition, trim.counter)
      : purged !== undefined
        ? purge(purged.partition, purged.counter)
        : store.apply(groups, []);
  done.then(
    () => process.send?.({ acknowledged: id }),
    (cause) => process.send?.({ failed: id, cause: String(cause) }),
  );
});
process.send?.({ ready: true });
