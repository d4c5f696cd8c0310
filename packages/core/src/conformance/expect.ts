/**
 * Assertions of the conformance suites: the core has no library for them.
 *
 * Two values are equal where they are the same text, which is also what a failure shows: fields in the order of
 * their names, those that are undefined left out, bytes in hex whatever kind of array they are.
 */
import type { ErrorCode } from '../errors.js';

/** What of a long text is shown around the first difference. */
const SHOWN_BEFORE = 80;
const SHOWN_AFTER = 320;

export function expectEqual(actual: unknown, expected: unknown, what: string): void {
  const [came, wanted] = [show(actual), show(expected)];
  if (came === wanted) return;
  let same = 0;
  while (same < came.length && came[same] === wanted[same]) same++;
  throw new Error(`${what}: expected ${around(wanted, same)}, and there came ${around(came, same)}`);
}

/** Compares only the fields that are expected. */
export function expectFields<T extends object>(
  actual: T | undefined,
  expected: { readonly [Field in keyof T]?: T[Field] },
  what: string,
): void {
  const fields = new Set(Object.keys(expected));
  const chosen = actual && Object.fromEntries(Object.entries(actual).filter(([field]) => fields.has(field)));
  expectEqual(chosen, expected, what);
}

export function expectTrue(condition: boolean, what: string): void {
  expectEqual(condition, true, what);
}

export async function expectRejects(
  promise: Promise<unknown>,
  code: ErrorCode | 'any',
  what: string,
): Promise<void> {
  const outcome = await promise.then(
    () => 'nothing thrown',
    (thrown: unknown) => codeOf(thrown, code),
  );
  expectEqual(outcome, code, what);
}

export function expectThrows(call: () => unknown, code: ErrorCode, what: string): void {
  let outcome: string;
  try {
    call();
    outcome = 'nothing thrown';
  } catch (thrown) {
    outcome = codeOf(thrown, code);
  }
  expectEqual(outcome, code, what);
}

/** Runs a check; says in the error where it was run. */
export async function within(where: string, check: () => void | Promise<void>): Promise<void> {
  try {
    await check();
  } catch (cause) {
    throw new Error(`${where}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

export function show(value: unknown): string {
  if (value instanceof Uint8Array)
    return `0x${Array.from(value, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
  if (Array.isArray(value)) return `[${value.map(show).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).filter(([, field]) => field !== undefined);
    fields.sort(([a], [b]) => (a < b ? -1 : 1));
    return `{ ${fields.map(([name, field]) => `${name}: ${show(field)}`).join(', ')} }`;
  }
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}

function codeOf(thrown: unknown, expected: ErrorCode | 'any'): string {
  if (expected === 'any') return 'any';
  if (thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string') return thrown.code;
  return String(thrown);
}

function around(text: string, at: number): string {
  const from = Math.max(0, at - SHOWN_BEFORE);
  const to = at + SHOWN_AFTER;
  return `${from > 0 ? '…' : ''}${text.slice(from, to)}${to < text.length ? '…' : ''}`;
}
