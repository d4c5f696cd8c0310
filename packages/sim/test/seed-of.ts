/** The seed of this run, and what to type to have it again. */
export function seedOf(file: string): { seed: number; replay: string } {
  const seed = Number(process.env.MENDLOG_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
  return { seed, replay: `MENDLOG_TEST_SEED=${seed} npx vitest run packages/sim/test/${file}` };
}
