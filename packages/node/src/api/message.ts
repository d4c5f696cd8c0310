/** Values as JSON carries them: text where the bytes are UTF-8, base64 where they are not. */
import { decodeFrame, formatVersion, MendlogError } from '@mendlog/core';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export interface RecordJson {
  readonly id: number;
  readonly version: string;
  readonly key?: string;
  readonly deleted?: true;
  readonly message?: string;
  readonly messageBase64?: string;
  readonly timeMs: number;
}

export function recordJson(frame: Uint8Array): RecordJson {
  const { version, timeMs, value, key, tombstone } = decodeFrame(frame);
  const keyed = key === undefined ? {} : { key };
  const content = tombstone === undefined ? valueJson(value) : { deleted: tombstone };
  return { id: version.counter, version: formatVersion(version), ...keyed, ...content, timeMs };
}

function valueJson(value: Uint8Array): { message: string } | { messageBase64: string } {
  try {
    return { message: utf8.decode(value) };
  } catch {
    return { messageBase64: Buffer.from(value).toString('base64') };
  }
}

export function valueBytes(input: {
  message?: string | undefined;
  messageBase64?: string | undefined;
}): Uint8Array {
  if (input.message !== undefined) {
    // A lone surrogate has no UTF-8: it would be stored as another character.
    if (!input.message.isWellFormed()) {
      throw new MendlogError(
        'BAD_REQUEST',
        'the message holds half a surrogate pair; send such bytes as messageBase64',
      );
    }
    return Buffer.from(input.message, 'utf8');
  }
  return Buffer.from(input.messageBase64 ?? '', 'base64');
}
