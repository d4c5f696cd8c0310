/**
 * The other nodes of the cluster: a connection to each, and whether it is alive.
 *
 * A peer is alive while its connection is open and a heartbeat was answered lately. A heartbeat tells
 * who answers: a peer whose address leads to another node is never alive. It also tells who asks, once
 * that node listens: whoever waits to connect to it then does so at once.
 */
import { type Greeting, MendlogError, toMendlogError } from '@mendlog/core';
import { Connection } from '@mendlog/transport/connection';
import type { BinaryRouter } from '../api/router.js';
import type { Heartbeat } from '../api/service.js';
import type { Log } from '../log.js';

export interface PeersOptions {
  readonly self: string;
  /** URL by node id, this node's own included. */
  readonly nodes: ReadonlyMap<string, string>;
  readonly token: string;
  /** Of connections to peers that are not on loopback. */
  readonly psk: Uint8Array;
  readonly log: Log;
  /** What peers are told of this node's store; of a gateway there is none. */
  readonly greeting?: () => Greeting;
  readonly heartbeatMs?: number;
  readonly deadAfterMs?: number;
}

const STRANGERS_MAX = 100;
const SECRETS_DIFFER = 'a peer refuses this node: their secrets differ';

export type PeerConnection = Connection<BinaryRouter>;

interface Peer {
  readonly id: string;
  readonly connection: PeerConnection;
  /** Resolves when the first attempt to reach it has ended, well or not. */
  readonly firstAttempt: Promise<void>;
  readonly endFirstAttempt: () => void;
  lastHeardMs: number;
  beating: boolean;
  alive: boolean;
  /** What was last said of it, so that it is said once and not with every heartbeat. */
  lastComplaint: string;
}

export class Peers {
  readonly self: string;
  readonly #options: PeersOptions;
  readonly #peers = new Map<string, Peer>();
  readonly #timer: NodeJS.Timeout;
  readonly #aliveListeners: ((nodeId: string) => void)[] = [];
  readonly #heartbeatListeners: ((nodeId: string, heartbeat: Heartbeat) => void)[] = [];
  #announced = false;
  /** Callers that are no peers, each told once. */
  readonly #strangers = new Set<string>();
  readonly #heartbeatMs: number;
  readonly #deadAfterMs: number;

  constructor(options: PeersOptions) {
    this.self = options.self;
    this.#options = options;
    this.#heartbeatMs = options.heartbeatMs ?? 250;
    this.#deadAfterMs = options.deadAfterMs ?? 1500;
    for (const [id, url] of options.nodes) {
      if (id !== options.self) this.#peers.set(id, this.#connect(id, url));
    }
    this.#timer = setInterval(() => this.#tick(), this.#heartbeatMs);
  }

  get nodeIds(): readonly string[] {
    return [...this.#options.nodes.keys()];
  }

  urlOf(nodeId: string): string {
    return this.#options.nodes.get(nodeId) ?? '';
  }

  /** This node is always alive to itself. */
  isAlive(nodeId: string): boolean {
    return nodeId === this.self || (this.#peers.get(nodeId)?.alive ?? false);
  }

  /** Of the primaries of a partition the first live one coordinates and leads it. */
  firstAlive(nodeIds: readonly string[]): string | undefined {
    return nodeIds.find((nodeId) => this.isAlive(nodeId));
  }

  /** The connection to a live peer. Throws UNREACHABLE for any other. */
  connectionTo(nodeId: string): PeerConnection {
    const peer = this.#peers.get(nodeId);
    if (peer?.alive) return peer.connection;
    throw new MendlogError('UNREACHABLE', `node ${nodeId} is not alive`, { details: { node: nodeId } });
  }

  /** Calls back each time a peer has become alive. */
  onAlive(listener: (nodeId: string) => void): void {
    this.#aliveListeners.push(listener);
  }

  /** Calls back with each answer to a heartbeat. */
  onHeartbeat(listener: (nodeId: string, heartbeat: Heartbeat) => void): void {
    this.#heartbeatListeners.push(listener);
  }

  /** Resolves when each peer has answered a heartbeat, or could not be reached at the first attempt. */
  async firstContact(): Promise<void> {
    await Promise.all([...this.#peers.values()].map(({ firstAttempt }) => firstAttempt));
  }

  /** Resolves when so many nodes are alive, this one included, or when time is up. */
  async untilAlive(count: number, timeoutMs: number): Promise<void> {
    const isEnough = () => this.nodeIds.filter((nodeId) => this.isAlive(nodeId)).length >= count;
    if (isEnough()) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.onAlive(() => {
        if (!isEnough()) return;
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** This node listens: its heartbeats say so from now on. */
  announce(): void {
    this.#announced = true;
    this.beatAll();
  }

  /** Peers are told at once what the next heartbeat would tell them. */
  beatAll(): void {
    for (const peer of this.#peers.values()) if (peer.connection.isOpen) void this.#beat(peer);
  }

  /** A peer has said that it listens. */
  heardFrom(nodeId: string): void {
    const peer = this.#peers.get(nodeId);
    peer?.connection.connectNow();
    if (peer !== undefined || this.#strangers.has(nodeId) || this.#strangers.size >= STRANGERS_MAX) return;
    this.#strangers.add(nodeId);
    this.#options.log.warn(
      nodeId === this.self
        ? 'another node has the id of this one'
        : 'a node counts this one among its peers, and is none of the peers that this one was given',
      { node: nodeId },
    );
  }

  close(): void {
    clearInterval(this.#timer);
    for (const peer of this.#peers.values()) peer.connection.close();
  }

  #connect(id: string, url: string): Peer {
    let endFirstAttempt = () => {};
    const firstAttempt = new Promise<void>((resolve) => {
      endFirstAttempt = resolve;
    });
    const peer: Peer = {
      id,
      firstAttempt,
      endFirstAttempt,
      connection: new Connection<BinaryRouter>({
        url,
        token: this.#options.token,
        psk: this.#options.psk,
        onOpen: () => void this.#beat(peer),
        onClose: () => {
          endFirstAttempt();
          this.#setAlive(peer, false);
          const { refusal } = peer.connection;
          if (refusal !== undefined) this.#complain(peer, complaintOf(refusal));
        },
      }),
      lastHeardMs: 0,
      beating: false,
      alive: false,
      lastComplaint: '',
    };
    return peer;
  }

  #tick(): void {
    for (const peer of this.#peers.values()) {
      if (!peer.connection.isOpen) continue;
      if (peer.alive && performance.now() - peer.lastHeardMs > this.#deadAfterMs) {
        this.#setAlive(peer, false);
        peer.connection.reset();
      } else {
        void this.#beat(peer);
      }
    }
  }

  async #beat(peer: Peer): Promise<void> {
    if (peer.beating) return;
    peer.beating = true;
    try {
      const context = { timeoutMs: this.#deadAfterMs };
      const greeting = this.#options.greeting?.();
      const input = {
        ...(this.#announced ? { from: this.self } : {}),
        ...(greeting === undefined ? {} : { store: { node: this.self, ...greeting } }),
      };
      const heartbeat = await peer.connection.call.peer.heartbeat.query(input, { context });
      if (heartbeat.node === peer.id) {
        peer.lastHeardMs = performance.now();
        this.#setAlive(peer, peer.connection.isOpen);
        for (const listener of this.#heartbeatListeners) listener(peer.id, heartbeat);
      } else {
        const what =
          heartbeat.node === this.self ? 'a node with the id of this one' : `node ${heartbeat.node}`;
        this.#complain(peer, `the address of a peer leads to ${what}`);
      }
    } catch (error) {
      // A peer that refuses must be heard of; silence is what deadAfterMs is for.
      const { code, message } = toMendlogError(error);
      if (code === 'UNAUTHORIZED') this.#complain(peer, SECRETS_DIFFER);
      else this.#options.log.debug('a heartbeat was not answered', { peer: peer.id, code, message });
    } finally {
      peer.beating = false;
      peer.endFirstAttempt();
    }
  }

  #complain(peer: Peer, complaint: string): void {
    if (peer.lastComplaint === complaint) return;
    peer.lastComplaint = complaint;
    this.#options.log.warn(complaint, { peer: peer.id });
  }

  #setAlive(peer: Peer, alive: boolean): void {
    if (alive) peer.lastComplaint = '';
    if (peer.alive === alive) return;
    peer.alive = alive;
    this.#options.log.info(alive ? 'peer is up' : 'peer is down', { peer: peer.id });
    if (alive) for (const listener of this.#aliveListeners) listener(peer.id);
  }
}

function complaintOf(refusal: MendlogError): string {
  return refusal.code === 'UNAUTHORIZED' ? SECRETS_DIFFER : refusal.message;
}
