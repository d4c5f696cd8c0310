/** What core's reads of keys ask of the node around them, on virtual time. */

import {
  type ApplyResult,
  formatVersion,
  type KeyAnswers,
  type KeyAsk,
  type KeyReadPorts,
  type KeyState,
} from '@mendlog/core';
import type { Answer } from '../world/network.js';
import type { NodeShell } from './cluster-context.js';
import { answerWith, callPeer, giveRecords } from './peer-call.js';
import { groupsText } from './write-ports.js';

export function readPorts(node: NodeShell): KeyReadPorts {
  const { scenario, scheduler, trace } = node.context;
  const timers = new Map<number, { cancel(): void }[]>();
  const reads = () => node.process.coordinator.reads;
  return {
    self: node.id,
    primaries: (partition) => node.primaries(partition),
    isAlive: (nodeId) => node.isAlive(nodeId),
    votes: (partition, nodeId) => node.votes(partition, nodeId),
    elapsedMs: () => scheduler.nowUs / 1000,
    schedule: () => node.soon(() => reads().pump()),
    startTimers(round, { lateAfterMs, deadlineMs }) {
      const untilUs = Math.min(scenario.readTimeoutUs, deadlineMs * 1000 - scheduler.nowUs);
      const lateUs = scenario.isSplit ? scenario.slowAfterUs : Math.min(lateAfterMs * 1000, untilUs / 2);
      const slow = node.after(lateUs, () => reads().isSlow(round));
      const again = node.after(lateUs + scenario.slowAfterUs, () => reads().isSlow(round));
      const end = node.after(untilUs, () => reads().timeUp(round));
      timers.set(round, [slow, again, end]);
    },
    stopTimers(round) {
      for (const timer of timers.get(round) ?? []) timer.cancel();
      timers.delete(round);
    },
    ask(ask, to, what) {
      const done = (answer: Answer<KeyAnswers>) => {
        if (trace.isOn)
          trace.note(
            node.id,
            `ask ${ask}: ${to} says ${answer.ok ? statesText(what, answer.value) : answer.error.code}`,
          );
        if (answer.ok) reads().answered(ask, answer.value);
        else reads().failed(ask);
      };
      if (to === node.id) node.soon(() => done({ ok: true, value: keyAnswers(node, what) }));
      else
        callPeer(node, {
          to,
          timeoutUs: Math.min(scenario.readTimeoutUs, what.deadlineMs * 1000 - scheduler.nowUs),
          serve: answerWith((peer) => keyAnswers(peer, what)),
          done,
        });
    },
    give(ask, to, groups) {
      if (trace.isOn) trace.note(node.id, `ask ${ask}: gives ${to} ${groupsText(groups)}`);
      const done = (answer: Answer<ApplyResult>) => {
        if (trace.isOn) trace.note(node.id, `ask ${ask}: ${to} ${answer.ok ? 'took it' : answer.error.code}`);
        if (answer.ok) reads().given(ask);
        else reads().failed(ask);
      };
      giveRecords(node, { to, groups }, done);
    },
  };
}

/** What a replica says of keys. */
function keyAnswers({ disk, process }: NodeShell, { questions, withRecords }: KeyAsk): KeyAnswers {
  return {
    states: questions.map(({ partition, key }) =>
      process.votes.votes(partition) ? disk.keyState(partition, key) : 'no vote',
    ),
    trimmedTo: questions.map(({ partition }) => disk.trimmedTo(partition)),
    purgedTo: questions.map(({ partition }) => disk.purgedTo(partition)),
    frames: questions.map(({ partition, key }) => (withRecords ? disk.readKey(partition, key) : undefined)),
  };
}

function statesText({ questions }: KeyAsk, { states }: KeyAnswers): string {
  return questions
    .map(({ partition, key }, i) => `${partition}/${keyName(key)} ${stateText(states[i])}`)
    .join(', ');
}

function stateText(state: KeyState | undefined): string {
  if (state === undefined || typeof state === 'string') return String(state);
  return `${formatVersion(state.version)}${state.attempt > 0 ? `, attempt ${state.attempt}` : ''}`;
}

function keyName(key: Uint8Array): string {
  return key[0] === 1
    ? new TextDecoder().decode(key.subarray(1))
    : Buffer.from(key.subarray(1, 5)).toString('hex');
}
