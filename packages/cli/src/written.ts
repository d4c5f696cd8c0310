/**
 * What was written, and whether it is all there: every acknowledged line under its version, byte
 * for byte, and nothing that was never written.
 */
import { bytesCodec, type Client, MendlogError } from '@mendlog/client';

const OUTSTANDING_MAX = 256;
/** How often a line whose outcome is unknown is written anew. */
const ATTEMPTS_MAX = 5;

/** Lines to append to one partition. */
export interface Lines {
  readonly partition: string;
  readonly lines: readonly Uint8Array[];
}

export interface Comparison {
  readonly read: number;
  readonly missing: number;
  readonly altered: number;
  /** Records that no acknowledged line accounts for, nor one whose outcome was unknown. */
  readonly strange: number;
}

export class Written {
  /** Per partition, acknowledged lines by version. */
  readonly #acknowledged = new Map<string, Map<string, Uint8Array>>();
  /** Per partition, lines of attempts with an unknown outcome: each may be there once more. */
  readonly #unknown = new Map<string, Uint8Array[]>();
  readonly #client: Client;
  #acknowledgedCount = 0;

  constructor(client: Client) {
    this.#client = client;
  }

  get acknowledged(): number {
    return this.#acknowledgedCount;
  }

  /** Appends of unknown outcome: each was made once more, and its line may be there twice. */
  get unknownOutcomes(): number {
    return [...this.#unknown.values()].reduce((sum, lines) => sum + lines.length, 0);
  }

  /** Appends the lines from the share `from` to the share `to` of each file, many at a time. */
  async write(
    files: readonly Lines[],
    from: number,
    to: number,
    onProgress: (done: number) => void,
  ): Promise<number> {
    let done = 0;
    const turns = files.map((file) => ({
      file,
      next: Math.round(file.lines.length * from),
      end: Math.round(file.lines.length * to),
    }));
    const workers = Array.from({ length: OUTSTANDING_MAX }, async (_, worker) => {
      for (let turn = worker; ; turn++) {
        const open = turns.filter(({ next, end }) => next < end);
        const mine = open[turn % open.length];
        if (mine === undefined) return;
        const line = mine.file.lines[mine.next++];
        if (line === undefined) continue;
        await this.#append(mine.file.partition, line);
        onProgress(++done);
      }
    });
    await Promise.all(workers);
    return done;
  }

  /** Acknowledged lines of a partition, by version. */
  acknowledgedIn(partition: string): ReadonlyMap<string, Uint8Array> {
    return this.#acknowledged.get(partition) ?? new Map();
  }

  /** Reads all partitions at a client's level, by default through the one that wrote, and compares. */
  async compare(onProgress: (read: number) => void, client = this.#client): Promise<Comparison> {
    let read = 0;
    let missing = 0;
    let altered = 0;
    let strange = 0;
    for (const [partition, expected] of this.#acknowledged) {
      const open = new Map(expected);
      const unknown = (this.#unknown.get(partition) ?? []).map((line) => Buffer.from(line));
      for await (const { version, value } of client.partition(partition, { codec: bytesCodec }).scan()) {
        onProgress(++read);
        const line = open.get(version);
        if (line !== undefined) {
          open.delete(version);
          if (Buffer.compare(line, value) !== 0) altered++;
          continue;
        }
        const accounted = unknown.findIndex((candidate) => candidate.equals(value));
        if (accounted === -1) strange++;
        else unknown.splice(accounted, 1);
      }
      missing += open.size;
    }
    return { read, missing, altered, strange };
  }

  async #append(partition: string, line: Uint8Array): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        const { version } = await this.#client.partition(partition, { codec: bytesCodec }).append(line);
        let lines = this.#acknowledged.get(partition);
        if (lines === undefined) {
          lines = new Map();
          this.#acknowledged.set(partition, lines);
        }
        lines.set(version, line);
        this.#acknowledgedCount++;
        return;
      } catch (error) {
        if (!(error instanceof MendlogError) || attempt >= ATTEMPTS_MAX) throw error;
        const unknownOutcome = error.code === 'WRITE_TIMEOUT' || error.code === 'CONNECTION_LOST';
        if (!unknownOutcome && !error.retryable) throw error;
        if (unknownOutcome) this.#unknown.set(partition, [...(this.#unknown.get(partition) ?? []), line]);
        await new Promise((resolve) => setTimeout(resolve, 100 * attempt));
      }
    }
  }
}
