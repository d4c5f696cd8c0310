/** Long work that is written as a generator: where it pauses, whatever else waits in this process has its turn. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Caller, callerGone, PATIENT } from '@mendlog/core';

/** Throws REQUEST_TIMEOUT where it is to go on and nobody waits for it any more. */
export async function inPieces<Result>(
  work: Generator<void, Result>,
  caller: Pick<Caller, 'isGone'> = PATIENT,
): Promise<Result> {
  for (;;) {
    const piece = work.next();
    if (piece.done === true) return piece.value;
    await nextTurn();
    if (caller.isGone) throw callerGone();
  }
}
