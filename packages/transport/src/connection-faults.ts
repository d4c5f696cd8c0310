/**
 * Why connections were ended: each is counted under a stable word, and logged with the address it came from.
 * The log is bounded: beyond a number of lines a minute faults are only counted, and the next line says how many.
 */

export const FAULT_REASONS = [
  /** Bytes that are no HTTP, no WebSocket frames, or no message. */
  'garbage',
  /** A text message where binary ones are spoken. */
  'text',
  /** A message over the limit. */
  'oversized',
  /** A handshake that does not offer the protocol's version. */
  'wrong-protocol',
  /** Answers pile up: the peer does not read them. */
  'answers-unread',
  /** Neither a message nor an answer to a ping for too long: gone, or a message that never ends. */
  'silent',
  /** A proof of the cluster secret that is none. */
  'wrong-secret',
  /** A binary connection from off loopback without TLS. */
  'plaintext',
  /** A request, or a handshake, that did not arrive in time. */
  'handshake-timeout',
  /** One connection more than there may be. */
  'too-many-connections',
] as const;

export type FaultReason = (typeof FAULT_REASONS)[number];

export interface ConnectionFaultsOptions {
  readonly warn: (message: string, facts: Readonly<Record<string, unknown>>) => void;
  readonly nowMs?: () => number;
}

export const FAULT_LINES_PER_MINUTE_MAX = 20;
const MINUTE_MS = 60_000;

export class ConnectionFaults {
  readonly #warn: ConnectionFaultsOptions['warn'];
  readonly #nowMs: () => number;
  readonly #counts = new Map<FaultReason, number>(FAULT_REASONS.map((reason) => [reason, 0]));
  #minuteBeganMs = Number.NEGATIVE_INFINITY;
  #lines = 0;
  #unlogged = 0;

  constructor({ warn, nowMs = () => performance.now() }: ConnectionFaultsOptions) {
    this.#warn = warn;
    this.#nowMs = nowMs;
  }

  /** Connections ended since the start, by reason. */
  get counts(): ReadonlyMap<FaultReason, number> {
    return this.#counts;
  }

  record(reason: FaultReason, address: string | undefined): void {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1);
    const nowMs = this.#nowMs();
    if (nowMs - this.#minuteBeganMs >= MINUTE_MS) {
      this.#minuteBeganMs = nowMs;
      this.#lines = 0;
    }
    if (this.#lines >= FAULT_LINES_PER_MINUTE_MAX) {
      this.#unlogged++;
      return;
    }
    this.#lines++;
    const unlogged = this.#unlogged === 0 ? {} : { unlogged: this.#unlogged };
    this.#unlogged = 0;
    this.#warn('a connection was ended', { reason, address: address ?? 'unknown', ...unlogged });
  }
}
