/**
 * What holds once faults are over and replicas have healed.
 *
 *   I2  the replicas of a partition hold the same records and have equal digests
 *   I5  nothing is there at or below a trim watermark, no tombstone at or below a purge watermark, and no key has gone
 *       back behind an acknowledged write
 */
import {
  compareVersions,
  decodeFrame,
  formatVersion,
  frameKey,
  frameVersion,
  type Page,
  putKey,
  ROW_BYTES,
  VERSION_HIGHEST,
  VERSION_LOWEST,
} from '@mendlog/core';
import type { RunHistory } from '../clients/history-of-run.js';
import type { FinalRecord } from '../history/history-line.js';
import { type ClusterContext, type NodeShell, nodeOf } from '../node/cluster-context.js';
import { kindOfPartition } from '../scenario.js';

const decoder = new TextDecoder();

export function replicasOf(context: ClusterContext, partition: string): NodeShell[] {
  const [any] = context.nodes.values();
  return (any?.primaries(partition) ?? []).map((id) => nodeOf(context, id));
}

function contentOf({ disk }: NodeShell, partition: string): Page['frames'] {
  const range = { from: VERSION_LOWEST, to: VERSION_HIGHEST, limit: Number.MAX_SAFE_INTEGER };
  return disk.store.readRange(partition, range, Number.POSITIVE_INFINITY).frames;
}

/** Why two replicas of a partition are not the same; undefined where they are. */
export function differenceOf(one: NodeShell, other: NodeShell, partition: string): string | undefined {
  const [here, there] = [one, other].map((node) =>
    contentOf(node, partition).map((frame) => Buffer.from(frame).toString('hex')),
  ) as [string[], string[]];
  const lacks = (from: string[], of: string[]) =>
    from
      .filter((frame) => !of.includes(frame))
      .map((frame) => formatVersion(frameVersion(Buffer.from(frame, 'hex'))));
  const [onlyHere, onlyThere] = [lacks(here, there), lacks(there, here)];
  if (onlyHere.length + onlyThere.length > 0)
    return `only ${one.id} holds ${onlyHere.join(', ') || 'nothing'}, only ${other.id} ${onlyThere.join(', ') || 'nothing'}`;
  const [root, otherRoot] = [one, other].map(
    (node) => node.disk.store.summary(partition)?.root ?? new Uint8Array(ROW_BYTES),
  );
  return Buffer.compare(root as Uint8Array, otherRoot as Uint8Array) === 0
    ? undefined
    : 'their root digests differ';
}

export function checkConvergence(context: ClusterContext): void {
  for (const partition of context.scenario.partitions) {
    const [first, ...others] = replicasOf(context, partition) as [NodeShell, ...NodeShell[]];
    for (const other of others) {
      const difference = differenceOf(first, other, partition);
      if (difference !== undefined)
        context.monitor.violated('I2', `replicas of ${partition} differ after healing: ${difference}`, [
          partition,
        ]);
    }
    for (const { id, disk } of [first, ...others])
      if (disk.damaged.some((one) => one.partition === partition))
        context.monitor.violated('I2', `${id} has a damaged record of ${partition} after healing`, [
          partition,
        ]);
  }
}

export function checkNothingCameBack(context: ClusterContext, history: RunHistory): void {
  for (const partition of context.scenario.partitions) {
    const replicas = replicasOf(context, partition);
    const trimmedTo = Math.max(...replicas.map(({ disk }) => disk.trimmedTo(partition)));
    for (const node of replicas) {
      const keys = new Set<string>();
      for (const frame of contentOf(node, partition)) {
        const version = frameVersion(frame);
        const words = [`${partition}/${formatVersion(version)}`];
        if (version.counter <= trimmedTo)
          context.monitor.violated('I5', `${node.id} holds ${words[0]}, which was trimmed`, words);
        const found = frameKey(frame);
        if (found?.isTombstone === true && version.counter <= node.disk.purgedTo(partition))
          context.monitor.violated(
            'I5',
            `${node.id} holds the tombstone ${words[0]}, which was purged`,
            words,
          );
        const key = found === undefined ? '' : String.fromCharCode(...found.key);
        if (keys.has(key))
          context.monitor.violated('I5', `${node.id} holds two records of the key of ${words[0]}`, words);
        if (key !== '') keys.add(key);
      }
    }
  }
  for (const { op, partition, key, version, outcome } of history.of('strict').operations) {
    if (outcome !== 'ok' || key === null || version === null) continue;
    for (const { id, disk } of replicasOf(context, partition)) {
      const [state = 'absent'] = disk.store.keyStates(partition, [putKey(key)]);
      if (typeof state !== 'string' && compareVersions(state.version, version) >= 0) continue;
      if (state === 'absent' && version.counter <= disk.purgedTo(partition)) continue;
      const holds = typeof state === 'string' ? state : formatVersion(state.version);
      const what = `a ${op} of ${partition}/${key} ended at ${formatVersion(version)}, and ${id} has ${holds} in the end`;
      context.monitor.violated('I5', what, [partition]);
    }
  }
}

/** The appended records as one replica holds them; the others hold the same, or there is a violation. */
export function readFinals(context: ClusterContext, history: RunHistory): void {
  for (const partition of context.scenario.partitions) {
    if (kindOfPartition(partition) === 'trimmed') continue;
    const [replica] = replicasOf(context, partition) as [NodeShell];
    const records: FinalRecord[] = [];
    for (const frame of contentOf(replica, partition)) {
      const { key, version, value } = decodeFrame(frame);
      if (key === undefined) records.push({ version, value: decoder.decode(value) });
    }
    history.addFinal({ op: 'final', partition, records });
  }
}
