/** What core's reads of ranges ask of the node around them, on virtual time. */
import {
  type ApplyResult,
  answerRangeQuestion,
  MendlogError,
  type RangeAnswer,
  type RangeQuestion,
  type RangeReadPorts,
} from '@mendlog/core';
import type { Answer } from '../world/network.js';
import type { NodeShell } from './cluster-context.js';
import { callPeer, giveRecords } from './peer-call.js';
import { groupsText } from './write-ports.js';

/** How many reads compare all replicas behind the answer. */
const COMPARES_RATE = 0.03;

export function rangePorts(node: NodeShell): RangeReadPorts {
  const { scenario, scheduler, trace, random, kernel } = node.context;
  const timers = new Map<number, { cancel(): void }[]>();
  const reads = () => node.process.ranges;
  const answerOf = ({ disk, process }: NodeShell, question: RangeQuestion): Answer<RangeAnswer> => {
    const { ask, partition } = question;
    if (ask !== 'frames' && !process.votes.votes(partition))
      return { ok: false, error: new MendlogError('NO_VOTE', `it has no vote on ${partition}`) };
    return { ok: true, value: answerRangeQuestion(disk.ranges, kernel, question) };
  };
  return {
    self: node.id,
    primaries: (partition) => node.primaries(partition),
    isAlive: (nodeId) => node.isAlive(nodeId),
    votes: (partition, nodeId) => node.votes(partition, nodeId),
    startTimers(read, deadlineMs) {
      const leftUs = Math.max(0, deadlineMs * 1000 - scheduler.nowUs);
      const end = node.after(Math.min(scenario.readTimeoutUs, leftUs), () => reads().timeUp(read));
      const slow = () => {
        timers.set(read, [end, node.after(scenario.slowAfterUs, slow)]);
        reads().isSlow(read);
      };
      timers.set(read, [end, node.after(scenario.slowAfterUs, slow)]);
    },
    stopTimers(read) {
      for (const timer of timers.get(read) ?? []) timer.cancel();
      timers.delete(read);
    },
    ask(ask, to, { question, deadlineMs }) {
      const done = (answer: Answer<RangeAnswer>) => {
        if (trace.isOn) trace.note(node.id, `range ask ${ask}: ${to} ${answerText(question, answer)}`);
        if (answer.ok) reads().answered(ask, answer.value);
        else reads().failed(ask, answer.error.code === 'NO_VOTE' ? 'no vote' : 'failed');
      };
      if (to === node.id) node.soon(() => done(answerOf(node, question)));
      else
        callPeer(node, {
          to,
          timeoutUs: Math.min(scenario.readTimeoutUs, deadlineMs * 1000 - scheduler.nowUs),
          serve: (peer, answer) => answer(answerOf(peer, question)),
          done,
        });
    },
    give(ask, to, groups) {
      if (trace.isOn) trace.note(node.id, `range ask ${ask}: gives ${to} ${groupsText(groups)}`);
      const done = (answer: Answer<ApplyResult>) => {
        if (answer.ok) reads().given(ask);
        else reads().failed(ask);
      };
      giveRecords(node, { to, groups }, done);
    },
    // Its answer comes to nobody.
    drop() {},
    repairs() {},
    comparesAll: () => random.chance(COMPARES_RATE),
  };
}

function answerText({ partition, ask }: RangeQuestion, answer: Answer<RangeAnswer>): string {
  if (!answer.ok) return `does not tell ${ask} of ${partition}/: ${answer.error.code}`;
  const told = answer.value;
  switch (told.ask) {
    case 'pages':
      return `has pages of ${partition}/: ${told.pages.map(({ frames, truncated }) => `${frames.length}${truncated ? '+' : ''}`)}`;
    case 'digests':
      return `has digests of ${partition}/: ${told.digests.map(({ row }) => Buffer.from(row).toString('hex', 0, 4))}`;
    case 'listings':
      return `lists ${partition}/: ${told.listings.map(({ entries }) => entries.length / 32)}`;
    case 'frames':
      return `gives ${told.frames.length} records of ${partition}/`;
  }
}
