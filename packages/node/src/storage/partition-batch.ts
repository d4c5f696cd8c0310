/**
 * What a batch brings of one partition, as far as it is looked at. Several groups of it are the rule where a commit is
 * made of several requests: as long as each lies above the one before, nothing of one can be another's.
 */
export class PartitionBatch {
  number = 0;
  /** Above all that is there, and all of the batch so far. */
  head = 0;
  /** The append key that is above all so far, where one came with the batch. */
  appends: { readonly bytes: Uint8Array; readonly at: number } | undefined;
  /** Some group does not lie above what was before it. */
  isMixed = false;
  /** Nor do some keys. */
  keysAreMixed = false;

  begin(number: number, head: number): void {
    this.number = number;
    this.head = head;
    this.appends = undefined;
    this.isMixed = false;
    this.keysAreMixed = false;
  }
}
