// The storage port's conformance suite: the store in memory passes it, and engines that break one promise do not.
import { describe, expect, test } from 'vitest';
import { storeConformance } from '../src/conformance/index.js';
import { BROKEN_ENGINES, engineWith } from './broken-engines.js';
import { memoryEngine } from './memory-engine.js';

describe('store (SPEC I5, I7; engine=memory)', () => {
  for (const { name, run } of storeConformance(memoryEngine)) test(name, run);
});

describe('conformance', () => {
  test('conformance: every case has a name of its own', () => {
    const names = storeConformance(memoryEngine).map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  const caughtBy = ({ engine, caughtBy }: Pick<(typeof BROKEN_ENGINES)[number], 'engine' | 'caughtBy'>) => {
    const found = storeConformance(engine).find(({ name }) => name.includes(caughtBy));
    if (found === undefined) throw new Error(`no case has "${caughtBy}" in its name`);
    return found.run();
  };

  for (const broken of BROKEN_ENGINES) {
    test(`conformance: an engine that breaks a promise fails (it ${broken.what})`, async () => {
      // As sound as the store itself while nothing of it is changed.
      await caughtBy({ ...broken, engine: engineWith(() => ({})) });
      await expect(caughtBy(broken)).rejects.toThrow(/: expected .* there came /);
    });
  }

  test('conformance: the random case finds one broken promise among its steps, and shows few of them', async () => {
    const engine = engineWith((store) => ({
      readKeys: (partition, keys) => store.readKeys(partition, keys.slice(1), Number.MAX_SAFE_INTEGER),
    }));
    await expect(caughtBy({ engine, caughtBy: 'those of a model' })).rejects.toThrow(
      /^run \d+ of seed 1, made smaller: \[\{ batch: \[\{[^}]*\{[^}]*\}[^}]*\}\], [^\]]*\}\]: step 1: holders/,
    );
  });
});
