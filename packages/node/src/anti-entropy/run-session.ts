/**
 * Performs an anti-entropy session between this replica and one peer: fetches what core's state
 * machine asks for from both sides, hands it in, and moves the records it names.
 */
import {
  AntiEntropySession,
  type DigestKernel,
  decodePacked,
  encodePacked,
  formatVersion,
  frameVersion,
  itemsOf,
  LIMITS,
  MendlogError,
  type PackedGroup,
  packItems,
  ROW_BYTES,
  type SessionOutcome,
  type SessionStep,
  type SideSummary,
  type Store,
  type Version,
} from '@mendlog/core';
import type { PeerConnection } from '../membership/peers.js';

export interface SessionReport extends SessionOutcome {
  /** Bytes of digests, listings and records; message envelopes not counted. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

export interface SessionPeers {
  readonly kernel: DigestKernel;
  readonly store: Store;
  readonly peer: PeerConnection;
}

const TRANSFER_BYTES_MAX = LIMITS.messageBytesMax / 4;

export async function runSession(
  sides: SessionPeers,
  partition: string,
  options: { preview: boolean },
): Promise<SessionReport> {
  const { kernel, store } = sides;
  const { peer } = sides.peer.call;
  const session = new AntiEntropySession(kernel, options);
  const bytes = { sent: 0, received: 0 };
  let step: SessionStep = session.start();
  for (;;) {
    switch (step.need) {
      case 'roots': {
        const there = await peer.root.query({ partition });
        bytes.received += there.root.length;
        step = session.roots(sideSummary(store, partition), there);
        break;
      }
      case 'trim': {
        await store.trim(partition, step.trimTo);
        await peer.trim.mutate({ partition, counter: step.trimTo });
        step = session.raised();
        break;
      }
      case 'purge': {
        await store.purge(partition, step.purgeTo);
        await peer.purge.mutate({ partition, counter: step.purgeTo });
        step = session.raised();
        break;
      }
      case 'rows': {
        const ranges = [...step.ranges];
        const { rows } = await peer.rows.query({ partition, level: step.level, ranges });
        bytes.received += rows.length;
        step = session.rows(store.rows(partition, step.level, ranges), rows);
        break;
      }
      case 'listings': {
        const here = step.ranges.map((range) => store.list(partition, range));
        const { listings } = await peer.list.query({
          ranges: step.ranges.map((range) => ({ partition, range })),
        });
        bytes.received += listings.reduce((sum, listing) => sum + listing.entries.length, 0);
        step = session.listings(here, listings);
        break;
      }
      case 'transfer': {
        const pulled = await pull(sides, { partition, versions: step.pull, purgedTo: step.purgedTo });
        const pushed = await push(sides, { partition, versions: step.push, purgedTo: step.purgedTo });
        bytes.received += pulled.bytes;
        bytes.sent += pushed.bytes;
        const unread = pulled.unread + pushed.unread;
        // All others are where they belong by now.
        if (unread > 0)
          throw new MendlogError('NOT_FOUND', `${unread} records cannot be read where they are listed`);
        step = session.transferred();
        break;
      }
      case 'nothing':
        return { ...step.outcome, bytesSent: bytes.sent, bytesReceived: bytes.received };
    }
  }
}

/** What a transfer moved, and how many records the side that lists them could not give. */
interface Transfer {
  readonly bytes: number;
  readonly unread: number;
}

/** Records that are to be moved, from a side that has purged up to there. */
interface Moved {
  readonly partition: string;
  readonly versions: readonly Version[];
  readonly purgedTo: number;
}

/** Brings the records here. */
async function pull(sides: SessionPeers, { partition, versions, purgedTo }: Moved): Promise<Transfer> {
  let bytes = 0;
  let unread = 0;
  let open = [...versions];
  while (open.length > 0) {
    const asked = open.slice(0, LIMITS.batchRecordsMax);
    const { packed } = await sides.peer.call.peer.fetch.query({ partition, versions: asked });
    const wanted = new Set(asked.map(formatVersion));
    const got = new Map<string, Uint8Array>();
    for (const group of decodePacked(packed)) {
      for (const frame of itemsOf(group)) {
        const version = formatVersion(frameVersion(frame));
        // What was not asked for is not taken: an answer cannot bring other records.
        if (group.partition === partition && wanted.has(version)) got.set(version, frame);
      }
    }
    bytes += packed.length;
    await sides.store.apply([packItems(partition, [...got.values()])], [], { purgedTo });
    const answered = answeredUpTo(asked, got);
    unread += answered - got.size;
    open = open.slice(answered);
  }
  return { bytes, unread };
}

/** Gives the records to the peer. */
async function push(sides: SessionPeers, { partition, versions, purgedTo }: Moved): Promise<Transfer> {
  let bytes = 0;
  let unread = 0;
  for (let at = 0; at < versions.length; ) {
    const asked = versions.slice(at, at + LIMITS.batchRecordsMax);
    const group = readGroup(sides.store, partition, asked);
    const got = new Map([...itemsOf(group)].map((frame) => [formatVersion(frameVersion(frame)), frame]));
    const packed = encodePacked([group]);
    bytes += packed.length;
    if (got.size > 0) await sides.peer.call.peer.store.mutate({ packed, source: { purgedTo } });
    const answered = answeredUpTo(asked, got);
    unread += answered - got.size;
    at += answered;
  }
  return { bytes, unread };
}

/**
 * How many of the versions asked for an answer covers: where it is full, those up to its last record; else
 * all of them, and what is not in it could not be read. At least one, so that a transfer ends.
 */
function answeredUpTo(asked: readonly Version[], got: ReadonlyMap<string, Uint8Array>): number {
  let bytes = 0;
  for (const frame of got.values()) bytes += frame.length;
  if (bytes < TRANSFER_BYTES_MAX) return asked.length;
  return 1 + asked.findLastIndex((version) => got.has(formatVersion(version)));
}

export const EMPTY_SIDE: SideSummary = { root: new Uint8Array(ROW_BYTES), trimmedTo: 0, purgedTo: 0 };

/** An unknown partition is an empty one. */
export function sideSummary(store: Store, partition: string): SideSummary {
  const { root, trimmedTo, purgedTo } = store.summary(partition) ?? EMPTY_SIDE;
  return { root, trimmedTo, purgedTo };
}

export function readGroup(store: Store, partition: string, versions: readonly Version[]): PackedGroup {
  return packItems(partition, store.readVersions(partition, versions, TRANSFER_BYTES_MAX));
}
