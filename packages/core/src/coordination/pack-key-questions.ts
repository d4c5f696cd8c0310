/** Questions about keys as they travel. */
import { type PackedGroup, packItems } from '../protocol/packed.js';
import type { KeyQuestion } from './key-read-ports.js';

/** Questions in groups of one partition each, in their order. */
export function packKeyQuestions(questions: readonly KeyQuestion[]): PackedGroup[] {
  const groups: PackedGroup[] = [];
  for (let from = 0; from < questions.length; ) {
    const partition = (questions[from] as KeyQuestion).partition;
    let to = from + 1;
    while (questions[to]?.partition === partition) to++;
    groups.push(
      packItems(
        partition,
        questions.slice(from, to).map(({ key }) => key),
      ),
    );
    from = to;
  }
  return groups;
}
