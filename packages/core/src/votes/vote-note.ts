/**
 * What a store keeps of who votes. It is of one store: where the disk is wiped, lost in part, restored or replaced the
 * store has another id, and the note of the old one says nothing of it.
 */

export interface VoteNote {
  /** The store that votes. */
  readonly storeId: string;
  /** The stores of other nodes that are known to vote, by node. */
  readonly known: Readonly<Record<string, string>>;
}

/** What a node tells the others of its store. */
export interface Greeting {
  readonly storeId: string;
  /** On all partitions. */
  readonly votes: boolean;
}

/** What they answer: of their own store, and what they know of the one they were told of. */
export interface Welcome extends Greeting {
  /** `nothing`, and no cluster either; `you`, as one that votes; `another` store, or a cluster in which this one is new. */
  readonly knows: 'nothing' | 'you' | 'another';
}
