/** Which known name somebody meant: the one that the fewest edits lead to (Levenshtein's distance). */

/** Letters of either case are the same; of equally near names the first. Throws where there is none. */
export function nearestName(name: string, known: readonly string[]): string {
  const [first, ...others] = known;
  if (first === undefined) throw new TypeError('known is empty: there must be a name to choose');
  let nearest = first;
  let least = distance(name, first);
  for (const other of others) {
    const edits = distance(name, other);
    if (edits >= least) continue;
    least = edits;
    nearest = other;
  }
  return nearest;
}

/** A name from outside may be of any length: more characters than this say nothing more. */
const CHARACTERS_MAX = 100;

function distance(one: string, other: string): number {
  const a = one.slice(0, CHARACTERS_MAX).toLowerCase();
  const b = other.slice(0, CHARACTERS_MAX).toLowerCase();
  let before = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (before[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(replaced, (before[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    before = row;
  }
  return before[b.length] ?? 0;
}
