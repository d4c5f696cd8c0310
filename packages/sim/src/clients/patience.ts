/** Who waits for a call, as the node that has got it sees it: from then on for a while, on virtual time. */
import type { Caller } from '@mendlog/core';
import type { Scheduler } from '../world/scheduler.js';

export function callerFor(scheduler: Scheduler, patienceUs: number): Caller {
  const deadlineUs = scheduler.nowUs + patienceUs;
  return {
    deadlineMs: deadlineUs / 1000,
    get isGone() {
      return scheduler.nowUs >= deadlineUs;
    },
  };
}
