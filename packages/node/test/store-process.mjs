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

process.on('message', ({ id, groups, trim }) => {
  const done = trim === undefined ? store.apply(groups, []) : store.trim(trim.partition, trim.counter);
  done.then(
    () => process.send?.({ acknowledged: id }),
    (cause) => process.send?.({ failed: id, cause: String(cause) }),
  );
});
process.send?.({ ready: true });
