/**
 * Performs an anti-entropy session between this replica and one peer: fetches what core's state
 * machine asks for from both sides, hands it in, and moves the records it names.
 */
import {
  AntiEntropySession,
  answerItems,
  type DigestKernel,
  decodePacked,
  encodePacked,
  formatVersion,
  frameVersion,
  heldRecords,
  itemsOf,
  LIMITS,
  MendlogError,
  packItems,
  packRecordItems,
  type RecordItem,
  ROW_BYTES,
  type SessionOutcome,
  type SessionStep,
  type SideSummary,
  type Store,
  unreadItems,
} from '@mendlog/core';
import type { PeerConnection } from '../membership/peers.js';
import { inPieces } from './in-pieces.js';

export interface SessionReport extends SessionOutcome {
  /** Bytes of digests, symbols, listings, items and records; message envelopes not counted. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

export interface SessionPeers {
  readonly kernel: DigestKernel;
  readonly store: Store;
  readonly peer: PeerConnection;
}

export async function runSession(
  sides: SessionPeers,
  partition: string,
  options: { preview: boolean },
): Promise<SessionReport> {
  const { kernel, store } = sides;
  const { peer } = sides.peer.call;
  const session = new AntiEntropySession(kernel, options);
  const bytes = { sent: 0, received: 0 };
  let unread = 0;
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
      case 'held':
        step = session.held(await inPieces(heldRecords(store, { partition, segments: step.segments })));
        break;
      case 'symbols': {
        const { first, symbols } = step;
        const segments = [...step.segments];
        const { answer } = await peer.symbols.query({ partition, segments, first, symbols });
        if (answer !== undefined) bytes.received += answer.message.length + answer.row.length;
        step = session.symbols(answer);
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
        const { purgedTo } = step;
        const pulled = await pull(sides, { partition, items: step.pull, purgedTo });
        const pushed = await push(sides, { partition, items: step.push, purgedTo });
        bytes.received += pulled.received + pushed.received;
        bytes.sent += pulled.sent + pushed.sent;
        unread += pulled.unread + pushed.unread;
        // All others go where they belong first.
        step = session.transferred(pulled.vanished + pulled.unread);
        break;
      }
      case 'nothing':
        if (unread > 0)
          throw new MendlogError(
            'NOT_FOUND',
            `${unread} times a record could not be read where it is listed`,
          );
        return { ...step.outcome, bytesSent: bytes.sent, bytesReceived: bytes.received };
    }
  }
}

/** What a transfer cost, and how many of its records were not there to be moved. */
interface Transfer {
  readonly sent: number;
  readonly received: number;
  /** Listed where they are, and damaged. */
  readonly unread: number;
  /** Gone since they were found. */
  readonly vanished: number;
}

/** Records that are to be moved, from a side that has purged up to there. */
interface Moved {
  readonly partition: string;
  readonly items: readonly RecordItem[];
  readonly purgedTo: number;
}

/** Brings the records here. */
async function pull(sides: SessionPeers, { partition, items, purgedTo }: Moved): Promise<Transfer> {
  const total = { sent: 0, received: 0, unread: 0, vanished: 0 };
  for (let at = 0; at < items.length; ) {
    const asked = items.slice(at, at + LIMITS.recordItemsMax);
    const packedItems = packRecordItems(asked);
    const answer = await sides.peer.call.peer.items.query({ partition, items: packedItems });
    const { answered, vanished } = answer;
    const frames = framesAsked(partition, asked, answer.packed);
    const unread = unreadItems(asked.length, { frames, answered, vanished });
    if (frames.length > 0) {
      const { trimmed, purged } = await sides.store.apply([packItems(partition, frames)], [], { purgedTo });
      // A watermark has risen since: what lies at or below it is not taken.
      if (trimmed.length + purged.length > 0) total.vanished++;
    }
    total.sent += packedItems.length;
    total.received += answer.packed.length;
    total.unread += unread;
    total.vanished += vanished;
    at += answered;
  }
  return total;
}

/** What was not asked for is not taken, and nothing twice: one record does not stand for another. */
function framesAsked(partition: string, asked: readonly RecordItem[], packed: Uint8Array): Uint8Array[] {
  const wanted = new Set(asked.map(({ counter }) => counter));
  const frames = new Map<string, Uint8Array>();
  for (const group of decodePacked(packed)) {
    if (group.partition !== partition) continue;
    for (const frame of itemsOf(group)) {
      const version = frameVersion(frame);
      if (wanted.has(version.counter)) frames.set(formatVersion(version), frame);
    }
  }
  return [...frames.values()];
}

/** Gives the records to the peer. */
async function push(sides: SessionPeers, { partition, items, purgedTo }: Moved): Promise<Transfer> {
  const total = { sent: 0, received: 0, unread: 0, vanished: 0 };
  for (let at = 0; at < items.length; ) {
    const given = answerItems(sides.store, partition, items.slice(at, at + LIMITS.recordItemsMax));
    const packed = encodePacked([packItems(partition, given.frames)]);
    if (given.frames.length > 0) await sides.peer.call.peer.store.mutate({ packed, source: { purgedTo } });
    total.sent += packed.length;
    total.unread += given.answered - given.vanished - given.frames.length;
    total.vanished += given.vanished;
    at += given.answered;
  }
  return total;
}

export const EMPTY_SIDE: SideSummary = { root: new Uint8Array(ROW_BYTES), trimmedTo: 0, purgedTo: 0 };

/** An unknown partition is an empty one. */
export function sideSummary(store: Store, partition: string): SideSummary {
  const { root, trimmedTo, purgedTo } = store.summary(partition) ?? EMPTY_SIDE;
  return { root, trimmedTo, purgedTo };
}
