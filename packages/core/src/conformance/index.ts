/**
 * Conformance suites of the core's ports, for whoever stands behind one: cases that any test runner runs. A
 * subpath of its own, so that no app loads them.
 */

export { Seeded } from './seeded.js';
export { type StoreConformanceOptions, storeConformance } from './store-conformance.js';
export { expectDigests, framesOf } from './store-digests.js';
export type { ConformanceCase, StoreDisk, StoreEngine } from './store-engine.js';
