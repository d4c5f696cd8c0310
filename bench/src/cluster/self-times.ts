/** How long each function of a CPU profile (.cpuprofile, as V8 writes it) was on top of the stack. */

export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  /** The node on top at each moment, and the microseconds since the one before. */
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

export interface SelfTime {
  readonly name: string;
  readonly ms: number;
}

const IDLE = '(idle)';

/** Longest first, without idling. */
export function selfTimesOf({ nodes, samples, timeDeltas }: CpuProfile): SelfTime[] {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const times = new Map<string, number>();
  for (const [i, id] of samples.entries()) {
    // What a sample found lasts until the next one.
    const ms = (timeDeltas[i + 1] ?? 0) / 1000;
    const name = names.get(id) ?? '(unknown)';
    if (name !== IDLE) times.set(name, (times.get(name) ?? 0) + ms);
  }
  return [...times].map(([name, ms]) => ({ name, ms })).sort((a, b) => b.ms - a.ms);
}

/** `function file:line`, the file with its folder; a function of V8 by its name alone. */
function nameOf({ functionName, url, lineNumber }: CpuProfile['nodes'][number]['callFrame']): string {
  const name = functionName === '' ? '(anonymous)' : functionName;
  if (url === '') return name;
  const file = url.startsWith('node:') ? url : url.split('/').slice(-2).join('/');
  return `${name} ${file}:${lineNumber + 1}`;
}
