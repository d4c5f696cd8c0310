/**
 * The bounds of the protocol: what a node accepts from anyone, at most.
 * Each is checked where bytes enter, and reaching it is an error with a code.
 */

const KIB = 1024;
const MIB = 1024 * KIB;

export const LIMITS = {
  /** Bytes of one value. */
  valueBytesMax: MIB,
  /** Bytes of a put key, in UTF-8. */
  keyBytesMax: KIB,
  /** Characters of a partition's name; ASCII, so bytes too. */
  partitionNameMax: 200,
  /** Records of one request or one page. */
  batchRecordsMax: 4096,
  /** Groups (one partition each) of one request. */
  batchGroupsMax: 4096,
  /** Bytes at which a sender closes a batch; one larger value may still make it longer. */
  batchBytesTarget: 256 * KIB,
  /** Bytes of one message on a connection. */
  messageBytesMax: 8 * MIB,
  /** Bytes of one REST or JSON body: a value in base64 and its envelope. */
  jsonBodyBytesMax: 2 * MIB,
  /** Bytes waiting in a node's or a client's write queue. */
  writeQueueBytesMax: 64 * MIB,
  /** Calls that wait in a client for one node, of records and of keys each. */
  clientQueueMax: 262_144,
  /** Groups waiting in a node's write queue, however small. */
  writeQueueGroupsMax: 65_536,
  /** How long the oldest of a node's queue may have waited before what comes is refused. */
  queueWaitMsMax: 500,
  /** Reads of keys that a node, or a client, has not answered yet. */
  readQueueMax: 65_536,
  /** Bytes of the keys, and the names of their partitions, that wait in a node's queue of reads. */
  readQueueBytesMax: 16 * MIB,
  /** Turns of reads of keys that are under way together. */
  readRoundsMax: 16,
  /** Of those that wait for a slow replica too. */
  unansweredReadRoundsMax: 256,
  /** Reads of ranges that a node has not answered yet. */
  rangeReadsMax: 4096,
  /** Binary connections of one node. */
  connectionsMax: 1024,
  /** Requests without an answer on one connection. */
  connectionRequestsMax: 4096,
  /** Calls that one process works on, over all connections. */
  nodeCallsMax: 16_384,
  /** Bytes of their requests. */
  nodeCallBytesMax: 256 * MIB,
  /** Bytes sent and not yet answered on one connection. */
  connectionBytesMax: 64 * MIB,
  /** Bytes of a subscription's items that are sent and not yet consumed; one larger item may make it more. */
  subscriptionBytesMax: MIB,
  /** Group commits of one coordinator that are under way together. */
  groupCommitsMax: 2,
  /** Of those that have waited for a slow replica for a while, and of those that it has still to answer. */
  unansweredCommitsMax: 256,
  /** Bytes of records that a node keeps in hints for replicas, being none of theirs: a copy for each. */
  carriedBytesMax: 256 * MIB,
  /** Partitions that were given options. */
  catalogEntriesMax: 65_536,
  /** Bytes of records that are flushed and not yet in a store's index; then writes wait. */
  overlayBytesMax: 64 * MIB,
  /** Whoever follows a store's arrivals: a listener is called for each commit. */
  arrivalListenersMax: 1024,
  /** Records that one step of a trim removes. */
  trimStepRecords: 1000,
  /** Ranges of one read. */
  rangesMax: 1024,
  /** Digest rows of one message. */
  rowsMax: 65_536,
  /** Differing segments that one round of a session resolves. */
  sessionSegmentsMax: 4096,
  /** Rounds of compare and transfer before a session ends and leaves the rest to the next. */
  sessionRoundsMax: 4,
  /** Records that one call names by counter and tag prefix. */
  recordItemsMax: 1024,
  /** Symbols of one sketch: more differences are listed. */
  sketchSymbolsMax: 4096,
  /** Records that one sketch is made of, on either side: more are listed. */
  sketchRecordsMax: 32_768,
  /** How far ahead of what a replica has seen a counter may be. */
  counterJumpMax: 2 ** 40,
  /** How far ahead of that the counter may be that a client says it has seen. */
  floorJumpMax: 2 ** 32,
} as const;
