// Tools that are no packages of npm: .ci/run installs them and puts them on the PATH.
import { spawn } from 'node:child_process';

export interface ToolEnding {
  readonly status: number | null;
  readonly output: string;
}

/** Runs a tool to its end. Rejects where it is not there. */
export async function runTool(
  name: string,
  args: readonly string[],
  options: { cwd: string },
): Promise<ToolEnding> {
  const child = spawn(name, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  return await new Promise((resolve, reject) => {
    child.once('error', (cause) =>
      reject(
        new Error(`${name} is missing: .ci/run installs it, and tests-ci/requirements.txt names it`, {
          cause,
        }),
      ),
    );
    child.once('close', (status) => resolve({ status, output }));
  });
}
