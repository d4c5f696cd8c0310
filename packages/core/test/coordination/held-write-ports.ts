// The ports of a coordinator of writes: what it asks for is held until a test answers it, in any order.
import type { HeadsQuestion } from '../../src/coordination/counter-round.js';
import type { WriteCoordinator } from '../../src/coordination/write-coordinator.js';
import type { WritePorts } from '../../src/coordination/write-ports.js';
import { type ErrorCode, MendlogError } from '../../src/errors.js';
import type { ApplyResult, HintBatch } from '../../src/ports/store.js';
import { itemsOf, type PackedGroup } from '../../src/protocol/packed.js';
import { decodeFrame } from '../../src/record.js';
import { readVersion, VERSION_BYTES, type Version } from '../../src/version.js';
import { version } from '../bytes.js';

export const INCARNATION = version(1, 7).origin;

export interface HeldQuestion {
  readonly commit: number;
  readonly question: HeadsQuestion;
  readonly deadlineMs: number;
}

export interface HeldStore {
  readonly commit: number;
  readonly node: string;
  readonly groups: readonly PackedGroup[];
  readonly hints: readonly HintBatch[];
  readonly isProposal: boolean;
}

export class HeldWritePorts implements WritePorts {
  readonly self = 'a';
  readonly incarnation = INCARNATION;
  readonly down = new Set<string>();
  /** Nodes whose stores have no vote. */
  readonly newStores = new Set<string>();
  readonly storedHeads = new Map<string, number>();
  readonly questions: HeldQuestion[] = [];
  readonly stores: HeldStore[] = [];
  readonly keptHints: HintBatch[] = [];
  /** Partitions whose replicas may differ. */
  readonly inDoubt: string[] = [];
  readonly trims: ApplyResult['trimmed'][number][] = [];
  readonly timers = new Map<number, Set<'slow' | 'time-up'>>();
  isScheduled = false;
  readonly #primaries: ReadonlyMap<string, readonly string[]>;

  /** Partitions of other primaries than a, b and c. */
  constructor(primaries: Readonly<Record<string, readonly string[]>> = {}) {
    this.#primaries = new Map(Object.entries(primaries));
  }

  primaries(partition: string): readonly string[] {
    return this.#primaries.get(partition) ?? ABC;
  }

  isAlive(node: string): boolean {
    return !this.down.has(node);
  }

  votes(_partition: string, node: string): boolean {
    return !this.newStores.has(node);
  }

  storedHead(partition: string): number {
    return this.storedHeads.get(partition) ?? 0;
  }

  nowMs(): number {
    return 1000;
  }

  elapsed = 0;

  elapsedMs(): number {
    return this.elapsed;
  }

  schedule(): void {
    this.isScheduled = true;
  }

  startTimer(commit: number, what: 'slow' | 'time-up'): void {
    this.timers.set(commit, (this.timers.get(commit) ?? new Set()).add(what));
  }

  stopTimers(commit: number): void {
    this.timers.delete(commit);
  }

  askHeads(commit: number, question: HeadsQuestion, deadlineMs: number): void {
    this.questions.push({ commit, question, deadlineMs });
  }

  storeHere(commit: number, groups: readonly PackedGroup[], hints: readonly HintBatch[]): void {
    this.stores.push({ commit, node: this.self, groups, hints, isProposal: false });
  }

  storeAt(commit: number, node: string, groups: readonly PackedGroup[]): void {
    this.stores.push({ commit, node, groups, hints: [], isProposal: false });
  }

  proposeAt(commit: number, node: string, groups: readonly PackedGroup[]): void {
    this.stores.push({ commit, node, groups, hints: [], isProposal: true });
  }

  mayDiffer(partitions: readonly string[]): void {
    this.inDoubt.push(...partitions);
  }

  keepHint(hint: HintBatch): void {
    this.keptHints.push(hint);
  }

  takeOverTrim(trimmed: ApplyResult['trimmed'][number]): void {
    this.trims.push(trimmed);
  }
}

const ABC = ['a', 'b', 'c'];

/** Answers what the ports hold; each once. */
export class WriteEvents {
  readonly #ports: HeldWritePorts;
  readonly #writes: WriteCoordinator;

  constructor(ports: HeldWritePorts, writes: WriteCoordinator) {
    this.#ports = ports;
    this.#writes = writes;
  }

  /** The turn of the event loop ends. */
  turn(): void {
    if (!this.#ports.isScheduled) return;
    this.#ports.isScheduled = false;
    this.#writes.pump();
  }

  /** This peer tells the same head of all that it is asked first. */
  tell(node: string, head = 0): void {
    const { commit, question } = this.#takeQuestion(node);
    this.#writes.headsTold(
      commit,
      question,
      question.partitions.map(() => head),
    );
  }

  failHeads(node: string): void {
    const { commit, question } = this.#takeQuestion(node);
    this.#writes.headsFailed(commit, question);
  }

  store(
    node: string,
    { trimmed = [], fenced = [] }: Partial<Pick<ApplyResult, 'trimmed' | 'fenced'>> = {},
  ): HeldStore {
    const held = this.#takeStore(node);
    this.#writes.stored(held.commit, node, { trimmed, fenced });
    return held;
  }

  failStore(node: string, code: ErrorCode = 'CONNECTION_LOST'): HeldStore {
    const held = this.#takeStore(node);
    this.#writes.notStored(held.commit, node, new MendlogError(code, `${node} says ${code}`));
    return held;
  }

  refuseProposal(node: string): HeldStore {
    const held = this.#takeStore(node);
    this.#writes.proposalRefused(held.commit, node);
    return held;
  }

  /** The timer of the oldest commit that has one fires. */
  fire(what: 'slow' | 'time-up'): void {
    const [commit] = [...this.#ports.timers].find(([, set]) => set.has(what)) ?? [];
    if (commit === undefined) throw new Error(`no timer is set for ${what}`);
    this.#ports.timers.get(commit)?.delete(what);
    if (what === 'slow') this.#writes.isSlow(commit);
    else this.#writes.timeUp(commit);
  }

  #takeQuestion(node: string): HeldQuestion {
    return taken(this.#ports.questions, (held) => held.question.node === node);
  }

  #takeStore(node: string): HeldStore {
    return taken(this.#ports.stores, (held) => held.node === node);
  }
}

/** Takes the first that is looked for. */
function taken<Held>(held: Held[], isWanted: (one: Held) => boolean): Held {
  const place = held.findIndex(isWanted);
  const [found] = place === -1 ? [] : held.splice(place, 1);
  if (found === undefined) throw new Error('nothing of the kind is held');
  return found;
}

/** Versions and values of groups, by partition. */
export function recordsOf(groups: readonly PackedGroup[]): [string, number, string][] {
  return groups.flatMap((group) =>
    [...itemsOf(group)].map((frame): [string, number, string] => {
      const record = decodeFrame(frame);
      return [group.partition, record.version.counter, new TextDecoder().decode(record.value)];
    }),
  );
}

/** What a hint is about. */
export function hintOf({ target, groups }: HintBatch): {
  target: string;
  versions: [string, number, string][];
} {
  const versions = groups.flatMap(({ partition, versions }) =>
    unpacked(versions).map(({ counter, origin }): [string, number, string] => [partition, counter, origin]),
  );
  return { target, versions };
}

function unpacked(versions: Uint8Array): Version[] {
  const view = new DataView(versions.buffer, versions.byteOffset, versions.length);
  return Array.from({ length: versions.length / VERSION_BYTES }, (_, i) =>
    readVersion(view, i * VERSION_BYTES),
  );
}
