// The commands of docs/rest.md with the answers that the page shows, and a comparison that knows what varies.
//
//   <!-- stop node3 -->       what has to be true for the commands that follow: `stop`, `start`, `idle`
//   ```sh                     one curl command
//   ```http                   its answer: the status, and the body
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';

const PAGE = resolve(import.meta.dirname, '../../docs/rest.md');
const STEP =
  /<!-- (?<directive>[a-z]+)(?: (?<argument>\w+))? -->|```sh\n(?<command>curl [^`]*?)\n```\n+```http\n(?<answer>[^`]*?)```/g;

export interface Answer {
  readonly status: string;
  readonly body: string;
}

export type Step =
  | { readonly directive: string; readonly argument: string }
  | { readonly command: string; readonly answer: Answer; readonly at: number; readonly length: number };

export function readPage(): { text: string; steps: Step[] } {
  const text = readFileSync(PAGE, 'utf8');
  const steps = [...text.matchAll(STEP)].map((match): Step => {
    const { directive, argument = '', command = '', answer = '' } = match.groups ?? {};
    if (directive !== undefined) return { directive, argument };
    const end = answer.indexOf('\n');
    const at = match.index + match[0].length - '```'.length - answer.length;
    const parts = { status: answer.slice(0, end), body: answer.slice(end + 1) };
    return { command, answer: parts, at, length: answer.length };
  });
  return { text, steps };
}

/** Puts the answers that were given in the place of those that the page shows. */
export function writePage(
  text: string,
  answers: readonly { at: number; length: number; answer: Answer }[],
): void {
  let updated = text;
  for (const { at, length, answer } of [...answers].reverse()) {
    updated = `${updated.slice(0, at)}${answer.status}\n${answer.body.trimEnd()}\n${updated.slice(at + length)}`;
  }
  writeFileSync(PAGE, updated);
}

/** What is another one each time: only its type and its form count. */
const VARYING =
  /^(version|versions|timeMs|durationMs|rootHash|root|root1|root2|jobIds|createdAt|startedAt|finishedAt|expiresAt|nextAttemptAt|bytesExchanged|bytesSent|bytesReceived|oldestAgeMs|acks|cursor|next|id)$/;

/** A body as it is compared: JSON with what varies replaced by its form, or text line by line. */
export function formOf(body: string): unknown {
  try {
    return formOfJson(JSON.parse(body), '');
  } catch {
    return body.split('\n').map((line) => line.replace(/\S+$/, (value) => formOfText(value)));
  }
}

function formOfJson(value: unknown, key: string): unknown {
  if (Array.isArray(value)) return value.map((item) => formOfJson(item, key));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, formOfJson(inner, name)]));
  }
  // The one that is built: native, else wasm.
  if (key === 'kernel') return typeof value;
  // The id of a record is a counter and no accident; that of a job is random.
  if (!VARYING.test(key) || (key === 'id' && typeof value === 'number')) return value;
  return typeof value === 'string' ? formOfText(value) : typeof value;
}

function formOfText(text: string): string {
  // By chance an origin, a hash or a part of a UUID has no digit.
  return text
    .replace(/(?<![0-9a-f])[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, '#-#-#-#-#')
    .replace(/(?<=[0-9]-)[0-9a-hjkmnp-tv-z]{13}\b/g, '0')
    .replace(/[0-9a-hjkmnp-tv-z]*[0-9][0-9a-hjkmnp-tv-z]*/g, '#');
}
