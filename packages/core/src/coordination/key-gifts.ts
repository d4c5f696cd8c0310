/** What replicas are given that lack records of a read, in messages that a connection takes. */
import { type PackedGroup, packItems } from '../protocol/packed.js';
import { cutGifts } from './cut-gifts.js';
import type { KeyQuestion } from './key-read-ports.js';
import type { Winner } from './key-winner.js';

interface Asked {
  readonly question: KeyQuestion;
}

interface Lacked<Read> {
  readonly read: Read;
  readonly frame: Uint8Array;
}

export interface Gift<Read> {
  readonly node: string;
  readonly reads: readonly Read[];
  readonly groups: readonly PackedGroup[];
}

/** What each replica is to be given. */
export function giftsOf<Read extends Asked>({
  reads,
  winners,
}: {
  readonly reads: readonly Read[];
  readonly winners: readonly (Winner | undefined)[];
}): Gift<Read>[] {
  const lackedBy = new Map<string, Lacked<Read>[]>();
  for (const [i, read] of reads.entries()) {
    const { frame, lacking = [] } = winners[i] ?? {};
    if (frame === undefined) continue;
    for (const node of lacking) {
      const lacked = lackedBy.get(node);
      if (lacked === undefined) lackedBy.set(node, [{ read, frame }]);
      else lacked.push({ read, frame });
    }
  }
  return [...lackedBy].flatMap(([node, lacked]) =>
    cutGifts(lacked, ({ frame }) => frame.length).map((part) => giftOf(node, part)),
  );
}

function giftOf<Read extends Asked>(node: string, lacked: readonly Lacked<Read>[]): Gift<Read> {
  const frames = new Map<string, Uint8Array[]>();
  for (const { read, frame } of lacked) {
    const { partition } = read.question;
    const known = frames.get(partition);
    if (known === undefined) frames.set(partition, [frame]);
    else known.push(frame);
  }
  const groups = [...frames].map(([partition, items]) => packItems(partition, items));
  return { node, reads: lacked.map(({ read }) => read), groups };
}
