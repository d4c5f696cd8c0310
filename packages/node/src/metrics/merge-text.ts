/**
 * Merges the Prometheus texts of several nodes. Each sample carries its node's label already; a family
 * must stand together under one HELP and TYPE, so samples are gathered by family.
 */

interface Family {
  readonly head: string[];
  readonly samples: string[];
}

export function mergeMetricsTexts(texts: readonly string[]): string {
  const families = new Map<string, Family>();
  for (const text of texts) {
    let current: Family | undefined;
    for (const line of text.split('\n')) {
      if (line === '') continue;
      const comment = /^# (?:HELP|TYPE) (\S+)/.exec(line);
      if (comment === null) {
        current?.samples.push(line);
        continue;
      }
      const name = comment[1] ?? '';
      current = families.get(name) ?? { head: [], samples: [] };
      families.set(name, current);
      if (!current.head.includes(line)) current.head.push(line);
    }
  }
  return [...families.values()].map(({ head, samples }) => `${[...head, ...samples].join('\n')}\n`).join('');
}
