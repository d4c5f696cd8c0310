/** Keeps hints and replays them, as the node's hint keeper does: core's policy decides what becomes of each. */

import {
  type ApplyResult,
  decideHint,
  decodePacked,
  formatVersion,
  type HintBatch,
  hintAfterFailure,
  type PackedGroup,
  packItems,
  readVersion,
  type StoredHintBatch,
  VERSION_BYTES,
  type Version,
} from '@mendlog/core';
import type { NodeShell } from './cluster-context.js';
import { callPeer, storeOn } from './peer-call.js';

const TICK_US = 80_000;
const BATCHES_PER_READ = 16;

export class HintReplay {
  readonly #node: NodeShell;
  readonly #replaying = new Set<string>();

  constructor(node: NodeShell) {
    this.#node = node;
  }

  start(): void {
    if (this.#node.context.scenario.healing === 'sessions alone') return;
    this.#node.every(TICK_US, () => {
      for (const target of this.#node.context.scenario.nodeIds) this.#replay(target);
    });
  }

  /** What cannot be stored is left to anti-entropy. */
  keep(hint: HintBatch): void {
    const { trace } = this.#node.context;
    storeOn(this.#node, [[], [hint]], (answer) => {
      if (trace.isOn)
        trace.note(
          this.#node.id,
          `hint for ${hint.target} ${answer.ok ? 'kept' : 'lost'}: ${hintText(hint)}`,
        );
    });
  }

  #replay(target: string): void {
    const { disk, nowMs } = this.#node;
    if (this.#replaying.has(target)) return;
    const due: StoredHintBatch[] = [];
    for (const hint of disk.store.hints({ target, limit: BATCHES_PER_READ })) {
      const decision = decideHint(hint, nowMs, this.#node.context.scenario.hintPolicy);
      if (decision.do === 'end') disk.deleteHints([hint]);
      else if (decision.do === 'wait' || !this.#node.isAlive(target)) break;
      else due.push(hint);
    }
    if (due.length > 0) this.#attempt(target, due);
  }

  #attempt(target: string, hints: readonly StoredHintBatch[]): void {
    const { context, disk } = this.#node;
    const groups = hints.flatMap((hint) => this.#payloadOf(hint));
    this.#replaying.add(target);
    if (context.trace.isOn)
      context.trace.note(this.#node.id, `replays hints to ${target}: ${hints.map(hintText).join(' ')}`);
    callPeer<ApplyResult>(this.#node, {
      to: target,
      isIdempotent: true,
      serve: (peer, answer) => storeOn(peer, [groups, []], answer),
      done: ({ ok }) => {
        this.#replaying.delete(target);
        if (ok) {
          disk.deleteHints(hints);
          this.#replay(target);
        } else if (this.#node.isAlive(target)) {
          const { nowMs } = this.#node;
          for (const hint of hints)
            disk.putHint({
              ...hint,
              ...hintAfterFailure(hint, nowMs, context.random.unit(), context.scenario.hintPolicy),
            });
        }
      },
    });
  }

  /** The frames of a hint's records, as far as this node still holds them, or carries them. */
  #payloadOf({ groups, payload }: HintBatch): PackedGroup[] {
    if (payload !== undefined) return decodePacked(payload);
    return groups.map(({ partition, versions }) =>
      packItems(partition, this.#node.disk.readVersions(partition, versionsOf(versions))),
    );
  }
}

function versionsOf(packed: Uint8Array): Version[] {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const versions: Version[] = [];
  for (let at = 0; at < packed.length; at += VERSION_BYTES) versions.push(readVersion(view, at));
  return versions;
}

function hintText({ groups }: HintBatch): string {
  return groups
    .map(({ partition, versions }) => `${partition}/${versionsOf(versions).map(formatVersion).join(',')}`)
    .join(' ');
}
