/** What this node's store says of keys, and the form in which questions and answers travel. */
import {
  KEY_CLAIM_BYTES,
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
  readonly purgedTo: readonly number[];
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
  const trimmedTo = groups.map(({ partition }) => store.trimmedTo(partition));
  const purgedTo = groups.map(({ partition }) => store.purgedTo(partition));
  const bytesMax = withRecords ? FRAMES_BYTES_MAX : 0;
  const voting = groups.map(({ partition }) => votes(partition));
  if (voting.every(Boolean)) {
    const { states, frames } = store.keyHoldings(groups, bytesMax);
    return { states, trimmedTo, purgedTo, frames: frames.map((frame) => frame ?? NO_FRAME) };
  }
  const held = store.keyHoldings(
    groups.filter((_, g) => voting[g]),
    bytesMax,
  );
  const states: Uint8Array[] = [];
  const frames: Uint8Array[] = [];
  let at = 0;
  for (const [g, { ends }] of groups.entries()) {
    if (voting[g] !== true) states.push(packKeyStates(Array.from(ends, (): KeyState => 'no vote')));
    else states.push(held.states.subarray(at * KEY_CLAIM_BYTES, (at + ends.length) * KEY_CLAIM_BYTES));
    for (let i = 0; withRecords && i < ends.length; i++)
      frames.push((voting[g] === true ? held.frames[at + i] : undefined) ?? NO_FRAME);
    if (voting[g] === true) at += ends.length;
  }
  return { states: Buffer.concat(states), trimmedTo, purgedTo, frames };
}

const NO_FRAME = new Uint8Array(0);
/** What is left out is asked for once more. */
const FRAMES_BYTES_MAX = LIMITS.messageBytesMax / 4;

/** Throws MALFORMED where these are no answers to the questions. */
export function unpackAnswers(questions: readonly KeyQuestion[], packed: PackedKeyAnswers): KeyAnswers {
  const states = unpackKeyStates(packed.states, questions.length);
  let group = -1;
  const groupOf = questions.map(({ partition }, i) => {
    if (i === 0 || questions[i - 1]?.partition !== partition) group++;
    return group;
  });
  const trimmedTo = groupOf.map((of) => packed.trimmedTo[of] ?? 0);
  const purgedTo = groupOf.map((of) => packed.purgedTo[of] ?? 0);
  const frames = questions.map((_, i) => {
    const frame = packed.frames[i];
    return frame === undefined || frame.length === 0 ? undefined : frame;
  });
  return { states, trimmedTo, purgedTo, frames };
}
