/** What core's coordination of writes asks of the node around it, on virtual time. */

import {
  type ApplyResult,
  FRAME_VERSION_AT,
  formatVersion,
  frameKey,
  itemsOf,
  type PackedGroup,
  readVersion,
  type WritePorts,
} from '@mendlog/core';
import type { Answer } from '../world/network.js';
import type { NodeShell } from './cluster-context.js';
import { answerWith, callPeer, storeOn } from './peer-call.js';

export function writePorts(node: NodeShell, incarnation: string): WritePorts {
  const { scenario, scheduler, trace, counts } = node.context;
  const timers = new Map<number, { cancel(): void }[]>();
  const writes = () => node.process.coordinator.writes;
  const storedAt = (commit: number, nodeId: string, answer: Answer<ApplyResult>) => {
    if (trace.isOn)
      trace.note(
        node.id,
        `commit ${commit}: ${nodeId} ${answer.ok ? 'has stored' : `has not stored: ${answer.error.code}`}`,
      );
    if (answer.ok) writes().stored(commit, nodeId, answer.value);
    else writes().notStored(commit, nodeId, answer.error);
  };
  return {
    self: node.id,
    incarnation,
    primaries: (partition) => node.primaries(partition),
    isAlive: (nodeId) => node.isAlive(nodeId),
    votes: (partition, nodeId) => node.votes(partition, nodeId),
    storedHead: (partition) => node.disk.store.head(partition),
    nowMs: () => node.nowMs,
    elapsedMs: () => scheduler.nowUs / 1000,
    schedule: () => node.soon(() => writes().pump()),
    startTimer(commit, what) {
      const timer =
        what === 'slow'
          ? node.after(scenario.slowAfterUs, () => writes().isSlow(commit))
          : node.after(scenario.writeTimeoutUs, () => writes().timeUp(commit));
      timers.set(commit, [...(timers.get(commit) ?? []), timer]);
    },
    stopTimers(commit) {
      for (const timer of timers.get(commit) ?? []) timer.cancel();
      timers.delete(commit);
    },
    askHeads(commit, question, deadlineMs) {
      if (trace.isOn)
        trace.note(node.id, `commit ${commit}: asks ${question.node} for heads of ${question.partitions}`);
      callPeer<number[]>(node, {
        to: question.node,
        timeoutUs: Math.min(scenario.writeTimeoutUs, deadlineMs * 1000 - scheduler.nowUs),
        serve: answerWith((peer) => peer.process.coordinator.writes.tellHeads(question.partitions)),
        done(answer) {
          if (trace.isOn)
            trace.note(
              node.id,
              `commit ${commit}: ${question.node} told ${answer.ok ? answer.value : answer.error.code}`,
            );
          if (answer.ok) writes().headsTold(commit, question, answer.value);
          else writes().headsFailed(commit, question);
        },
      });
    },
    storeHere(commit, groups, hints) {
      if (trace.isOn)
        trace.note(
          node.id,
          `commit ${commit}: stores here ${groupsText(groups)}${hints.map(({ target }) => `, hint for ${target}`)}`,
        );
      storeOn(node, [groups, hints], (answer) => storedAt(commit, node.id, answer));
    },
    storeAt(commit, to, groups) {
      if (trace.isOn) trace.note(node.id, `commit ${commit}: sends to ${to} ${groupsText(groups)}`);
      callPeer<ApplyResult>(node, {
        to,
        isIdempotent: true,
        serve: (peer, answer) => storeOn(peer, [groups, []], answer),
        done: (answer) => storedAt(commit, to, answer),
      });
    },
    proposeAt(commit, to, groups) {
      counts.proposals += 1;
      if (trace.isOn) trace.note(node.id, `commit ${commit}: proposes to ${to} ${groupsText(groups)}`);
      // Not idempotent: what has been accepted would be refused the second time.
      callPeer<ApplyResult | 'refused'>(node, {
        to,
        serve(peer, answer) {
          if (peer.process.coordinator.writes.accepts(groups)) storeOn(peer, [groups, []], answer);
          else answer({ ok: true, value: 'refused' });
        },
        done(answer) {
          if (!answer.ok) storedAt(commit, to, answer);
          else if (answer.value !== 'refused') storedAt(commit, to, { ok: true, value: answer.value });
          else {
            counts.proposalsRefused += 1;
            if (trace.isOn) trace.note(node.id, `commit ${commit}: ${to} refuses`);
            writes().proposalRefused(commit, to);
          }
        },
      });
    },
    mayDiffer(partitions) {
      counts.inDoubt += 1;
      if (trace.isOn) trace.note(node.id, `a proposal is in doubt: replicas of ${partitions} may differ`);
    },
    keepHint: (hint) => node.process.hints.keep(hint),
    takeOverTrim: ({ partition, trimmedTo }) => node.disk.trim(partition, trimmedTo),
  };
}

export function groupsText(groups: readonly PackedGroup[]): string {
  return groups
    .map((group) => `${group.partition}/${[...itemsOf(group)].map(frameText).join(',')}`)
    .join(' ');
}

/** Its version as it lies there, which a draft has not got yet. */
function frameText(frame: Uint8Array): string {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const found = frameKey(frame);
  const attempt = found === undefined || found.attempt === 0 ? '' : ` (attempt ${found.attempt})`;
  return `${formatVersion(readVersion(view, FRAME_VERSION_AT))}${attempt}`;
}
