export { partitionKey, partitionTreeKey, TAG_KEY_CONTEXT, TREE_KEY_CONTEXT } from './keys.js';
export { type LoadKernelOptions, loadKernel } from './load-kernel.js';
