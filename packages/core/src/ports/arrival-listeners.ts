/** Those who are told of each commit that brings records to a store: as many as the limit, each until it has enough. */
import { MendlogError } from '../errors.js';
import { LIMITS } from '../limits.js';
import type { Arrived } from './store.js';

export class ArrivalListeners {
  // An object each, so that one function may listen twice.
  readonly #listeners = new Set<{ readonly listener: (arrived: Arrived) => void }>();

  /** Returns what ends it. Throws OVERLOADED. */
  add(listener: (arrived: Arrived) => void): () => void {
    if (this.#listeners.size >= LIMITS.arrivalListenersMax)
      throw new MendlogError(
        'OVERLOADED',
        'too many follow the arrivals of this store; try another replica',
        {
          details: { max: LIMITS.arrivalListenersMax },
        },
      );
    const entry = { listener };
    this.#listeners.add(entry);
    return () => {
      this.#listeners.delete(entry);
    };
  }

  get isEmpty(): boolean {
    return this.#listeners.size === 0;
  }

  tell(arrived: Arrived): void {
    for (const { listener } of this.#listeners) listener(arrived);
  }
}
