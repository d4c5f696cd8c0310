/**
 * A node as a process: `node-process.js OPTIONS`, the options of createNode as JSON. It says where it listens, or why
 * it does not, and ends when its parent asks it to or is gone.
 */
import { toMendlogError } from '@mendlog/core';
import { createNode, type NodeOptions } from '@mendlog/node';

/** What it says, once. */
export type NodeAnswer = { readonly url: string } | { readonly failure: string };

const answer = (message: NodeAnswer) => void process.send?.(message);
const options: NodeOptions = JSON.parse(process.argv[2] ?? '{}');
const stopped = new Promise<void>((resolve) => {
  process.once('SIGTERM', resolve);
  process.once('disconnect', resolve);
});

try {
  await using node = await createNode(options);
  answer({ url: node.url });
  await stopped;
} catch (thrown) {
  answer({ failure: toMendlogError(thrown).message });
  process.exitCode = 1;
}
if (process.connected) process.disconnect();
