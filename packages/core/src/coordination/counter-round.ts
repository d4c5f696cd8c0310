/**
 * The counter round of a group commit, after Attiya, Bar-Noy and Dolev ("Sharing memory robustly in
 * message-passing systems", JACM 1995): a majority of each partition's replicas, this node among them, tells
 * the highest counter that it knows, before versions are given. So a write whose call began after another's
 * acknowledgement gets the higher version, whichever nodes coordinated the two.
 *
 * No more peers are asked than are needed, until one of them fails or is slow.
 */
import { majorityOf } from '../consistency.js';
import { type Cohort, partitionsOf } from './group-commit.js';

/** In the place of a counter: the replica has no vote on the partition. */
export const NO_VOTE = -1;

export interface HeadsQuestion {
  readonly node: string;
  readonly partitions: readonly string[];
}

/** What is asked about the partitions of one cohort. */
interface Part {
  readonly cohort: Cohort;
  readonly partitions: readonly string[];
  /** Who may still be asked. */
  readonly left: string[];
  readonly waiting: Set<HeadsQuestion>;
  /** Those that have said so, this node included. */
  readonly withoutVote: string[];
  /** Answers that are needed still. */
  missing: number;
}

interface RoundPorts {
  readonly self: string;
  votes(partition: string, node: string): boolean;
}

export type Hopeless = Pick<Part, 'cohort' | 'withoutVote'>;

export class CounterRound {
  readonly #parts: Part[] = [];
  readonly #asked = new Map<HeadsQuestion, Part[]>();

  constructor(cohorts: readonly Cohort[], ports: RoundPorts) {
    const { self } = ports;
    for (const cohort of cohorts) {
      if (!cohort.inRealTime) continue;
      const partitions = partitionsOf(cohort.writes);
      const isVoter = (node: string) =>
        !cohort.isApart || partitions.every((partition) => ports.votes(partition, node));
      // Those that may have no vote are asked last.
      const left = cohort.replicas
        .filter((node) => node !== self)
        .sort((a, b) => Number(isVoter(b)) - Number(isVoter(a)));
      const isReplica = left.length < cohort.replicas.length;
      const own = isReplica && isVoter(self) ? 1 : 0;
      const missing = majorityOf(cohort.replicas.length) - own;
      if (missing <= 0) continue;
      const withoutVote = isReplica && own === 0 ? [self] : [];
      this.#parts.push({ cohort, partitions, left, waiting: new Set(), withoutVote, missing });
    }
  }

  get isOver(): boolean {
    return this.#parts.every(({ missing }) => missing <= 0);
  }

  /** The next questions: as many as answers are missing, or to everybody that is left. */
  ask(isUsable: (node: string) => boolean, everybody = false): HeadsQuestion[] {
    const partsOf = new Map<string, Part[]>();
    for (const part of this.#parts) {
      if (part.missing <= 0) continue;
      let wanted = everybody ? part.left.length : part.missing - part.waiting.size;
      for (const node of [...part.left]) {
        if (wanted <= 0) break;
        if (!isUsable(node)) continue;
        wanted--;
        part.left.splice(part.left.indexOf(node), 1);
        const parts = partsOf.get(node);
        if (parts === undefined) partsOf.set(node, [part]);
        else parts.push(part);
      }
    }
    return [...partsOf].map(([node, parts]) => {
      const question = { node, partitions: parts.flatMap(({ partitions }) => partitions) };
      this.#asked.set(question, parts);
      for (const { waiting } of parts) waiting.add(question);
      return question;
    });
  }

  /** A counter, or NO_VOTE, for each partition of the question. */
  told(question: HeadsQuestion, heads: readonly number[]): void {
    let at = 0;
    for (const part of this.#asked.get(question) ?? []) {
      const told = heads.slice(at, at + part.partitions.length);
      at += part.partitions.length;
      if (!part.waiting.delete(question)) continue;
      if (told.includes(NO_VOTE)) part.withoutVote.push(question.node);
      else part.missing--;
    }
  }

  failed(question: HeadsQuestion): void {
    for (const part of this.#asked.get(question) ?? []) part.waiting.delete(question);
  }

  /** Cohorts of which no majority can be heard any more; the round goes on without them. */
  takeHopeless(): Hopeless[] {
    const hopeless = this.#parts.filter(({ missing, waiting }) => missing > waiting.size);
    for (const part of hopeless) part.missing = 0;
    return hopeless;
  }
}
