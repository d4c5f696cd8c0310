/** How far a counter may run ahead: a wrong one would otherwise use up all that are left. */
import { MendlogError } from './errors.js';
import { LIMITS } from './limits.js';

/** Throws CLOCK_JUMP where the counter is too far ahead of the head to be true. */
export function checkCounterJump(head: number, counter: number): void {
  if (counter > head + LIMITS.counterJumpMax)
    throw new MendlogError('CLOCK_JUMP', `counter ${counter} is too far ahead of ${head}`);
}
