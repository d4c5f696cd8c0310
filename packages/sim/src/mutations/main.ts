/** The command: how many seeds it takes to find each mutation. With names, those alone. */
import { MUTATIONS } from './mutation-list.js';
import { runMutation } from './run-mutation.js';

const SEEDS_MAX = 4000;

const names = process.argv.slice(2);
for (const mutation of MUTATIONS.filter(({ name }) => names.length === 0 || names.includes(name))) {
  const { seeds, invariants } = await runMutation({ ...mutation, seeds: SEEDS_MAX });
  const found =
    invariants.length === 0 ? `not found in ${seeds} seeds` : `seed ${seeds}, ${invariants.join(' ')}`;
  const isLate = invariants.length === 0 || seeds > mutation.seeds;
  console.log(`${mutation.name.padEnd(30)} ${found}${isLate ? `, over its ${mutation.seeds}` : ''}`);
}
