/** What a replica tells whoever may go on with a tail there. */
import type { ArrivalCursor } from '@mendlog/core';

/** A replica at one moment: what it holds, and where its arrivals end. */
export interface TailEnd {
  readonly primaries: readonly string[];
  readonly end: ArrivalCursor;
  /** The highest counter that it knows; 0 before the first. */
  readonly head: number;
  /** Equal roots: the same records are held. */
  readonly root: Uint8Array;
  /** No record of the partition has arrived behind the cursor that was asked about. */
  readonly isAllSeen: boolean;
}
