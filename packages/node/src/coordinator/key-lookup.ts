/** What this node's store says of keys, and the form in which questions and answers travel. */
import {
  itemsOf,
  type KeyAnswers,
  type KeyQuestion,
  type KeyState,
  LIMITS,
  MendlogError,
  type PackedGroup,
  packKeyStates,
  type Store,
  unpackKeyStates,
} from '@mendlog/core';

/** As it travels: watermarks a group, an empty frame where there is none. */
export interface PackedKeyAnswers {
  readonly states: Uint8Array;
  readonly trimmedTo: readonly number[];
  readonly frames: readonly Uint8Array[];
}

/** What this store holds of these keys, which are in groups as above. */
export function lookUpKeys(
  { store, votes }: { readonly store: Store; readonly votes: (partition: string) => boolean },
  groups: readonly PackedGroup[],
  withRecords: boolean,
): PackedKeyAnswers {
  const asked = groups.reduce((sum, { ends }) => sum + ends.length, 0);
  if (asked > LIMITS.rangesMax)
    throw new MendlogError('TOO_LARGE', `${asked} keys are over the limit of ${LIMITS.rangesMax}`);
  const states: Uint8Array[] = [];
  const trimmedTo: number[] = [];
  const frames: Uint8Array[] = [];
  let bytes = 0;
  for (const group of groups) {
    const { partition } = group;
    const keys = [...itemsOf(group)];
    const held = votes(partition) ? store.keyStates(partition, keys) : keys.map((): KeyState => 'no vote');
    states.push(packKeyStates(held));
    trimmedTo.push(store.trimmedTo(partition));
    if (!withRecords) continue;
    for (const state of held) {
      const [frame] =
        typeof state === 'string' || bytes >= FRAMES_BYTES_MAX
          ? []
          : store.readVersions(partition, [state.version], LIMITS.messageBytesMax);
      frames.push(frame ?? NO_FRAME);
      bytes += frame?.length ?? 0;
    }
  }
  return { states: Buffer.concat(states), trimmedTo, frames };
}

const NO_FRAME = new Uint8Array(0);
/** What is left out is asked for once more. */
const FRAMES_BYTES_MAX = LIMITS.messageBytesMax / 4;

/** Throws MALFORMED where these are no answers to the questions. */
export function unpackAnswers(questions: readonly KeyQuestion[], packed: PackedKeyAnswers): KeyAnswers {
  const states = unpackKeyStates(packed.states, questions.length);
  let group = -1;
  const trimmedTo = questions.map(({ partition }, i) => {
    if (i === 0 || questions[i - 1]?.partition !== partition) group++;
    return packed.trimmedTo[group] ?? 0;
  });
  const frames = questions.map((_, i) => {
    const frame = packed.frames[i];
    return frame === undefined || frame.length === 0 ? undefined : frame;
  });
  return { states, trimmedTo, frames };
}
