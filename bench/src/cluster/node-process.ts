/**
 * A node as a process of the cluster benchmark: `node-process.js OPTIONS`, the options of createNode as JSON. It
 * says that it listens, or why it does not, and ends when its parent asks it to or is gone.
 */
import { toMendlogError } from '@mendlog/core';
import { createNode, letHeapGrow, type NodeOptions } from '@mendlog/node';

const options: NodeOptions = JSON.parse(process.argv[2] ?? '{}');
const stopped = new Promise<void>((resolve) => {
  process.once('SIGTERM', resolve);
  process.once('disconnect', resolve);
});

try {
  // As `mendlog serve` does.
  letHeapGrow();
  await using _node = await createNode(options);
  process.send?.('');
  await stopped;
} catch (thrown) {
  process.send?.(toMendlogError(thrown).message);
  process.exitCode = 1;
}
if (process.connected) process.disconnect();
