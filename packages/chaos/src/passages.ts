/** The state of all ways between nodes, and of one way for those whose bytes are to pass it. */
import { setTimeout as delay } from 'node:timers/promises';
import { type Fault, NODE_IDS, type NodeId, type Passage, passageOf, waysOf } from './fault.js';

export interface PassageState {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly passage: Passage;
  readonly delayMs: number;
}

const SEVERITY: Readonly<Record<Passage, number>> = { open: 0, hold: 1, refuse: 2 };

/** What these faults together make of each way: the worst of each. */
export function passagesUnder(faults: readonly Fault[]): PassageState[] {
  return NODE_IDS.flatMap((from) =>
    NODE_IDS.map((to) => {
      let passage: Passage = 'open';
      let delayMs = 0;
      for (const fault of faults) {
        if (!waysOf(fault).some((way) => way.from === from && way.to === to)) continue;
        const one = passageOf(fault);
        if (SEVERITY[one] > SEVERITY[passage]) passage = one;
        delayMs = Math.max(delayMs, fault.delayMs ?? 0);
      }
      return { from, to, passage, delayMs };
    }),
  );
}

/** One way, and who waits until it is open. They are as many as connections at most, two each. */
export class WayGate {
  #passage: Passage = 'open';
  #delayMs = 0;
  readonly #waiting = new Set<() => void>();

  get isRefused(): boolean {
    return this.#passage === 'refuse';
  }

  set(passage: Passage, delayMs: number): void {
    this.#passage = passage;
    this.#delayMs = delayMs;
    if (passage === 'hold') return;
    for (const go of this.#waiting) go();
    this.#waiting.clear();
  }

  /** Resolves when what is to pass now has passed. */
  async pass(): Promise<void> {
    if (this.#delayMs > 0) await delay(this.#delayMs);
    while (this.#passage === 'hold') await new Promise<void>((go) => this.#waiting.add(go));
  }
}
