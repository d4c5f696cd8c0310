export { type AnsweredItems, answerItems, unreadItems } from './anti-entropy/answer-items.js';
export {
  answerSymbols,
  type HeldQuestion,
  type HeldRecords,
  heldRecords,
  type SymbolsAnswer,
  type SymbolsQuestion,
} from './anti-entropy/answer-symbols.js';
export {
  JOB_POLICY,
  JOB_PRIORITIES,
  JOB_REASONS,
  JOB_STATUSES,
  type Job,
  type JobFindings,
  type JobProgress,
  type JobReason,
  type JobStatus,
  jobAfterRestart,
  jobCancelled,
  jobCompleted,
  jobFailed,
  jobLeft,
  jobStarted,
  newJob,
  nextJob,
} from './anti-entropy/job.js';
export {
  AntiEntropySession,
  type SessionOutcome,
  type SessionStep,
  type SideSummary,
  sidesAreEqual,
} from './anti-entropy/session.js';
export { SettledHeads } from './anti-entropy/settled-heads.js';
export {
  type PurgeDigest,
  type PurgeOutcome,
  type PurgeState,
  type PurgeStep,
  TombstonePurge,
} from './anti-entropy/tombstone-purge.js';
export {
  type CatalogEntry,
  catalogEntryText,
  checkPartitionOptions,
  mergeEntries,
  type PartitionOptions,
} from './catalog/catalog-entry.js';
export { type RetainedRecord, type Retention, retentionCut } from './catalog/retention.js';
export {
  acknowledgementsNeeded,
  answersNeeded,
  CONSISTENCY_LEVELS,
  type ConsistencyLevel,
  type Level,
  levelText,
  majorityOf,
  WRITE_LEVELS,
  type WriteLevel,
} from './consistency.js';
export {
  answerRangeQuestion,
  digestsOf,
  framesOf,
  pagesOf,
  type RangeStore,
} from './coordination/answer-range-question.js';
export { type Caller, callerGone, PATIENT } from './coordination/caller.js';
export { Coordinator } from './coordination/coordinator.js';
export { type HeadsQuestion, NO_VOTE } from './coordination/counter-round.js';
export type { KeyAnswers, KeyAsk, KeyQuestion, KeyReadPorts } from './coordination/key-read-ports.js';
export type { KeyOutcome, KeyReadRequest, ReadRepairMode } from './coordination/key-reads.js';
export { packKeyQuestions } from './coordination/pack-key-questions.js';
export type {
  AnsweredFrames,
  RangeAnswer,
  RangeDigest,
  RangePage,
  RangeQuestion,
} from './coordination/range-questions.js';
export type { RangeReadResult } from './coordination/range-read.js';
export type { RangeAsk, RangeReadPorts } from './coordination/range-read-ports.js';
export { type RangeReadRequest, RangeReads } from './coordination/range-reads.js';
export type { RangeOutcome } from './coordination/range-task.js';
export {
  refusedWrite,
  WRITE_ORDERS,
  type WriteOptions,
  type WriteOrder,
  type WriteOutcome,
} from './coordination/write.js';
export type { WriteRequest } from './coordination/write-coordinator.js';
export type { WritePorts } from './coordination/write-ports.js';
export { checkCounterJump } from './counter-jump.js';
export { packIndexedRows, tooManyRows } from './digest/indexed-rows.js';
export {
  CELL_BYTES,
  type DigestKernel,
  INDEXED_ROW_BYTES,
  KEY_BYTES,
  type KernelKind,
  PROGRESS_LENGTH,
  ROW_BYTES,
  SKETCH_SYMBOLS_MAX,
  symbolsBytesMax,
  TAG_BYTES,
} from './digest/kernel.js';
export {
  allRows,
  checkDigestLayout,
  childRanges,
  DIGEST_LAYOUT,
  type DigestLayout,
  type IndexRange,
  joinedRanges,
  rowIndexOf,
  rowSpan,
  segmentCounters,
} from './digest/layout.js';
export {
  checkMerkleOptions,
  digestSegmentsPerLeaf,
  leafCounters,
  leafRanges,
  MERKLE_DEFAULT,
  MERKLE_DEPTH_MAX,
  type MerkleOptions,
} from './digest/merkle-layout.js';
export { createOracleKernel } from './digest/oracle.js';
export { prefixDigest } from './digest/prefix-digest.js';
export { SketchDecoder, type SketchItem } from './digest/sketch-decoder.js';
export {
  ERROR_CODES,
  type ErrorCode,
  type ErrorDetails,
  type ErrorShape,
  isErrorCode,
  MendlogError,
  toMendlogError,
} from './errors.js';
export {
  decideHint,
  HINT_POLICY_DEFAULT,
  type HintDecision,
  type HintPolicy,
  type HintState,
  hintAfterFailure,
} from './hints/hint-policy.js';
export { LatencyHistogram, type LatencySummary } from './latency-histogram.js';
export { LIMITS } from './limits.js';
export { checkPartitionName, PARTITION_NAME_PATTERN } from './partition-name.js';
export { type PreferenceList, preferenceList } from './placement.js';
export { checkCursor } from './ports/arrival-cursor.js';
export { ArrivalListeners } from './ports/arrival-listeners.js';
export type {
  ApplyResult,
  ArrivalCursor,
  Arrived,
  HintBatch,
  KeyHoldings,
  Page,
  PartitionSummary,
  RecordSource,
  Store,
  StoredHintBatch,
  TailPage,
  TailRange,
  TailRecord,
  TimeRanges,
  TimeWindow,
} from './ports/store.js';
export { BufferViews } from './protocol/buffer-views.js';
export {
  CLAIM_TAG_AT,
  CLAIM_VERSION_AT,
  KEY_ABSENT,
  KEY_CLAIM_BYTES,
  KEY_HELD,
  KEY_UNKNOWN,
  type KeyHolding,
  type KeyState,
  packKeyStates,
  unpackKeyStates,
} from './protocol/key-claims.js';
export {
  compareTags,
  LISTING_ENTRY_BYTES,
  type Listing,
  type ListingEntry,
  listingEntries,
  packListingEntries,
  type VersionRange,
} from './protocol/listing.js';
export {
  decodePacked,
  encodeDrafts,
  encodePacked,
  itemAt,
  itemStart,
  itemsOf,
  type PackedGroup,
  packItems,
} from './protocol/packed.js';
export { packRecordItems, type RecordItem, unpackRecordItems } from './protocol/record-items.js';
export { mergeListings, type RangeReadAnswer } from './quorum/range-read.js';
export { doubtfulKeys, withoutSuperseded } from './quorum/superseded.js';
export { type ReplicaAnswer, WriteQuorum, type WriteVerdict } from './quorum/write-quorum.js';
export {
  checkFrame,
  type Draft,
  decodeFrame,
  draftBytes,
  draftOf,
  encodeDraft,
  encodeFrame,
  FRAME_BYTES_MAX,
  FRAME_HEADER_BYTES,
  FRAME_TIME_AT,
  FRAME_VERSION_AT,
  frameAppendKeyAt,
  frameHasKey,
  frameIsTombstone,
  frameKey,
  frameKeyAt,
  frameVersion,
  type LogRecord,
  writeDraftFloor,
  writeFrame,
} from './record.js';
export {
  APPEND_KEY_BYTES,
  APPEND_NAMESPACE,
  appendKey,
  compareClaims,
  type KeyClaim,
  putKey,
  type RecordKey,
} from './record-key.js';
export { MemoryStore, type MemoryStoreOptions } from './storage/memory-store.js';
export { TokenBudget } from './token-budget.js';
export {
  compareVersionAt,
  compareVersions,
  formatVersion,
  laterVersion,
  ORIGIN_HIGHEST,
  ORIGIN_LOWEST,
  ORIGIN_PATTERN,
  originFromBits,
  parseRecordId,
  type RecordId,
  readCounter,
  readVersion,
  VERSION_BYTES,
  VERSION_HIGHEST,
  VERSION_LOWEST,
  type Version,
  versionAfter,
  versionBefore,
  writeVersion,
} from './version.js';
export { COMPARED_PAGE_MAX, type ComparedPage } from './votes/catch-up.js';
export {
  type CompareWork,
  type OpenSession,
  StoreVotes,
  type StoreVotesPorts,
} from './votes/store-votes.js';
export type { Greeting, VoteNote, Welcome } from './votes/vote-note.js';
export { type LineBounds, tooMany, WaitingLine } from './waiting-line.js';
