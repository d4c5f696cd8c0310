/** Copies so few bytes that a call of set(), which needs a view of its own, would cost more. */
export function copyBytes(
  to: Uint8Array,
  at: number,
  { from, start, length }: { from: Uint8Array; start: number; length: number },
): void {
  for (let i = 0; i < length; i++) to[at + i] = from[start + i] as number;
}
