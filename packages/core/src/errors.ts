/**
 * One error class for everything that Mendlog refuses or fails to do.
 *
 * The `code` is stable: programs branch on it, and docs/errors.md lists every one.
 * The table below holds, per code, the HTTP status of its problem document and
 * whether the same call may succeed when it is made again.
 */

export const ERROR_CODES = {
  /** Input does not have the documented shape. */
  BAD_REQUEST: { httpStatus: 400, retryable: false },
  /** The peer procedures, and binary connections off loopback, need the cluster secret. */
  UNAUTHORIZED: { httpStatus: 401, retryable: false },
  /** No such record, partition, node, job or path. */
  NOT_FOUND: { httpStatus: 404, retryable: false },
  /** The path exists, the method does not. */
  METHOD_NOT_ALLOWED: { httpStatus: 405, retryable: false },
  /** Several records carry this counter: name one by its full version. */
  AMBIGUOUS_ID: { httpStatus: 409, retryable: false },
  /** The partition is there already: change it, or drop it first. */
  PARTITION_EXISTS: { httpStatus: 409, retryable: false },
  /** The level, or the replication factor, needs more replicas than there can be. */
  TOO_FEW_NODES: { httpStatus: 409, retryable: false },
  /** The job has begun or ended: only a waiting one can be cancelled. */
  JOB_NOT_WAITING: { httpStatus: 409, retryable: false },
  /** A value, message or body is over its limit. */
  TOO_LARGE: { httpStatus: 413, retryable: false },
  /** A body is not JSON in UTF-8, or is encoded. */
  UNSUPPORTED_MEDIA_TYPE: { httpStatus: 415, retryable: false },
  /** A request took too long to arrive, or waited until its caller had gone: nothing of it was done. */
  REQUEST_TIMEOUT: { httpStatus: 408, retryable: true },
  /** A queue is full: nothing was written, try again later. */
  OVERLOADED: { httpStatus: 503, retryable: true },
  /** Stored or received bytes do not have the documented format. */
  MALFORMED: { httpStatus: 400, retryable: false },
  /** A counter is further ahead than the configured step. */
  CLOCK_JUMP: { httpStatus: 409, retryable: false },
  /** The write came too late: its partition was trimmed past its counter. Nothing was written; another try lies above. */
  TRIMMED: { httpStatus: 409, retryable: true },
  /**
   * The write came too late: all replicas agree already on what lies at or below its counter. Nothing was written;
   * another try lies above.
   */
  FENCED: { httpStatus: 409, retryable: true },
  /** Too few live replicas for the level: nothing was written. */
  UNAVAILABLE: { httpStatus: 503, retryable: true },
  /** The replica has a new store that has not caught up: its answers count as none. */
  NO_VOTE: { httpStatus: 503, retryable: true },
  /** Too few acknowledgements in time: the outcome is unknown. */
  WRITE_TIMEOUT: { httpStatus: 504, retryable: false },
  /** Too few answers in time. */
  READ_TIMEOUT: { httpStatus: 504, retryable: true },
  /** The connection ended before the answer came: the outcome of a write is unknown. */
  CONNECTION_LOST: { httpStatus: 504, retryable: false },
  /** The node is no replica of the partition: ask one of those that it names. */
  NOT_REPLICA: { httpStatus: 421, retryable: false },
  /** No connection to any node that could answer. */
  UNREACHABLE: { httpStatus: 503, retryable: true },
  /** The disk has no space left: nothing was written. */
  DISK_FULL: { httpStatus: 507, retryable: true },
  /** Another process has this data folder open. */
  DATA_DIR_LOCKED: { httpStatus: 500, retryable: false },
  /** The data folder was written by a format that this version does not know. */
  FORMAT_UNKNOWN: { httpStatus: 500, retryable: false },
  /** The disk has changed the log of a data folder so that what it acknowledged is unknown. */
  LOG_DAMAGED: { httpStatus: 500, retryable: false },
  /** A backup is not whole, or not as it was made. */
  BACKUP_INVALID: { httpStatus: 500, retryable: false },
  /** Configuration that cannot work. */
  BAD_CONFIG: { httpStatus: 500, retryable: false },
  /** The requested digest kernel is not built for this platform. */
  KERNEL_UNAVAILABLE: { httpStatus: 500, retryable: false },
  /** The node, client or session was closed. */
  CLOSED: { httpStatus: 503, retryable: true },
  /** A fault of Mendlog itself. */
  INTERNAL: { httpStatus: 500, retryable: false },
} as const satisfies Record<string, { httpStatus: number; retryable: boolean }>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** JSON-safe facts about an error: who was missing, how many acknowledged, which limit. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean | readonly string[]>>;

/** The form in which an error crosses a connection. */
export interface ErrorShape {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details?: ErrorDetails;
}

export class MendlogError extends Error {
  override readonly name = 'MendlogError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, options: { details?: ErrorDetails; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
  }

  get httpStatus(): number {
    return ERROR_CODES[this.code].httpStatus;
  }

  get retryable(): boolean {
    return ERROR_CODES[this.code].retryable;
  }

  toShape(): ErrorShape {
    return { code: this.code, message: this.message, details: this.details };
  }

  /** As JSON an error would lose its message, which a log needs most. */
  toJSON(): ErrorShape & { readonly name: string } {
    return { name: this.name, ...this.toShape() };
  }

  static fromShape(shape: ErrorShape): MendlogError {
    return new MendlogError(shape.code, shape.message, { details: shape.details ?? {} });
  }
}

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(ERROR_CODES, code);
}

/**
 * Anything thrown, as a MendlogError: one that a library wrapped is unwrapped, a stranger becomes
 * INTERNAL and keeps itself as the cause.
 */
export function toMendlogError(thrown: unknown): MendlogError {
  if (thrown instanceof MendlogError) return thrown;
  if (thrown instanceof Error && thrown.cause instanceof MendlogError) return thrown.cause;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new MendlogError('INTERNAL', message, { cause: thrown });
}
