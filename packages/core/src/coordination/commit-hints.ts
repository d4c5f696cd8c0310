/**
 * Hints of a group commit for one replica that has not acknowledged it. Where this node is a replica itself, a hint is
 * versions, and the records are in its own log; where it is none, it carries them: they lie in the hint.
 */
import type { HintBatch } from '../ports/store.js';
import { encodePacked } from '../protocol/packed.js';
import { VERSION_BYTES, writeVersion } from '../version.js';
import type { Cohort } from './group-commit.js';

export interface HintMaker {
  readonly self: string;
  readonly incarnation: string;
  nowMs(): number;
}

/** None, one, or two: what this node holds, and what it carries. */
export function hintsFor(cohorts: readonly Cohort[], target: string, maker: HintMaker): HintBatch[] {
  const concerned = cohorts.filter(({ replicas }) => replicas.includes(target));
  const held = concerned.filter(({ replicas }) => replicas.includes(maker.self));
  const carried = concerned.filter((cohort) => !held.includes(cohort));
  return [held, carried]
    .filter((some) => some.length > 0)
    .map((some): HintBatch => {
      const writes = some.flatMap((cohort) => cohort.writes);
      const groups = writes.map(({ group, firstCounter }) => ({
        partition: group.partition,
        versions: consecutiveVersions(firstCounter, group.ends.length, maker.incarnation),
      }));
      const hint = { target, groups, createdAtMs: maker.nowMs(), attempts: 0, nextAttemptAtMs: 0 };
      return some === carried ? { ...hint, payload: encodePacked(writes.map(({ group }) => group)) } : hint;
    });
}

function consecutiveVersions(firstCounter: number, count: number, origin: string): Uint8Array {
  const versions = new Uint8Array(count * VERSION_BYTES);
  const view = new DataView(versions.buffer);
  for (let i = 0; i < count; i++)
    writeVersion(view, i * VERSION_BYTES, { counter: firstCounter + i, origin });
  return versions;
}
