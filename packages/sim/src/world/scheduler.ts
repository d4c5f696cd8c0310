/** Virtual time: what is due next runs next, and the clock jumps there. Microseconds; ties run in the order of asking. */

export interface Timer {
  cancel(): void;
}

class Entry implements Timer {
  readonly at: number;
  readonly order: number;
  run: (() => void) | undefined;

  constructor(at: number, order: number, run: () => void) {
    this.at = at;
    this.order = order;
    this.run = run;
  }

  cancel(): void {
    this.run = undefined;
  }

  isBefore(other: Entry): boolean {
    return this.at === other.at ? this.order < other.order : this.at < other.at;
  }
}

export class Scheduler {
  /** A binary heap. */
  readonly #heap: Entry[] = [];
  #order = 0;
  nowUs = 0;
  /** Events that have run. */
  events = 0;

  after(delayUs: number, run: () => void): Timer {
    const entry = new Entry(this.nowUs + Math.max(0, Math.round(delayUs)), this.#order++, run);
    this.#heap.push(entry);
    this.#rise(this.#heap.length - 1);
    return entry;
  }

  /** Runs what is due until this time. Throws where that takes more than so many events: something goes in circles. */
  runUntil(timeUs: number, eventsMax: number): void {
    let left = eventsMax;
    for (let first = this.#heap[0]; first !== undefined && first.at <= timeUs; first = this.#heap[0]) {
      this.#removeFirst();
      const { run } = first;
      if (run === undefined) continue;
      if (left-- === 0) throw new Error(`more than ${eventsMax} events until ${timeUs} us`);
      this.nowUs = first.at;
      this.events += 1;
      run();
    }
    this.nowUs = timeUs;
  }

  #removeFirst(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink(0);
  }

  #rise(from: number): void {
    const heap = this.#heap;
    const entry = heap[from] as Entry;
    let at = from;
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = heap[parentAt] as Entry;
      if (!entry.isBefore(parent)) break;
      heap[at] = parent;
      at = parentAt;
    }
    heap[at] = entry;
  }

  #sink(from: number): void {
    const heap = this.#heap;
    const entry = heap[from] as Entry;
    let at = from;
    for (;;) {
      const leftAt = 2 * at + 1;
      const left = heap[leftAt];
      if (left === undefined) break;
      const right = heap[leftAt + 1];
      const childAt = right?.isBefore(left) === true ? leftAt + 1 : leftAt;
      const child = heap[childAt] as Entry;
      if (!child.isBefore(entry)) break;
      heap[at] = child;
      at = childAt;
    }
    heap[at] = entry;
  }
}
