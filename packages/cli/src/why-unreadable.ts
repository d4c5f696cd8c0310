/** Why a file cannot be read, in words for the end of a sentence. */

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'this user may not read it',
  EISDIR: 'it is a folder, not a file',
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
};

export function whyUnreadable(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const reason = 'code' in cause ? REASONS[String(cause.code)] : undefined;
  return reason ?? cause.message;
}
