// A real Prometheus process on the checked-in configuration, with other targets and a short interval, and its HTTP API.
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { eventually } from '../../tests/support/eventually.js';

const PROMETHEUS_FOLDER = resolve(import.meta.dirname, '../../ops/prometheus');
const CHECKED_IN_TARGETS = ['127.0.0.1:8081', '127.0.0.1:8082', '127.0.0.1:8083'];

/** What Grafana derives from a scrape interval of 1 s: four of them. */
export const RATE_INTERVAL = '4s';

export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  /** Values that are numbers: what has no value at a time is left out. */
  readonly values: readonly number[];
}

export interface Alert {
  readonly labels: Readonly<Record<string, string>>;
  readonly state: 'pending' | 'firing';
}

interface ApiAnswer<T> {
  readonly status: 'success' | 'error';
  readonly data: T;
  readonly error?: string;
}

interface QueryResult {
  readonly resultType: string;
  readonly result: readonly {
    readonly metric: Readonly<Record<string, string>>;
    readonly value?: readonly [number, string];
    readonly values?: readonly (readonly [number, string])[];
  }[];
}

export class Prometheus implements AsyncDisposable {
  readonly #url: string;
  readonly #end: () => Promise<void>;

  private constructor(url: string, end: () => Promise<void>) {
    this.#url = url;
    this.#end = end;
  }

  /** Resolves when it is ready. `targets` take the place of the three checked-in ones, in order. */
  static async start(options: {
    folder: string;
    port: number;
    targets: readonly string[];
  }): Promise<Prometheus> {
    const config = join(options.folder, 'prometheus');
    cpSync(PROMETHEUS_FOLDER, config, { recursive: true });
    const file = join(config, 'prometheus.yml');
    writeFileSync(file, withTargets(readFileSync(file, 'utf8'), options.targets));
    const listen = `127.0.0.1:${options.port}`;
    const child = spawn(
      'prometheus',
      [
        `--config.file=${file}`,
        `--storage.tsdb.path=${join(options.folder, 'tsdb')}`,
        `--web.listen-address=${listen}`,
        '--log.level=warn',
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    let ended = false;
    const end = new Promise<void>((resolve) => {
      child.once('error', (error) => {
        said += error.message;
        ended = true;
        resolve();
      });
      child.once('close', () => {
        ended = true;
        resolve();
      });
    });
    const prometheus = new Prometheus(`http://${listen}`, async () => {
      child.kill('SIGKILL');
      await end;
    });
    await eventually(
      'Prometheus to be ready or to have ended',
      async () => ended || (await fetch(`http://${listen}/-/ready`)).ok,
      Boolean,
    );
    if (ended) throw new Error(`Prometheus ended: ${said}`);
    return prometheus;
  }

  /** The value now. Rejects with what Prometheus says of an expression that it cannot read. */
  async query(expression: string): Promise<Series[]> {
    return seriesOf(await this.#get<QueryResult>('query', { query: expression }));
  }

  /** The values of each second from a time to now. */
  async queryRange(expression: string, fromMs: number): Promise<Series[]> {
    const [start, end] = [fromMs / 1000, Date.now() / 1000].map(String) as [string, string];
    return seriesOf(
      await this.#get<QueryResult>('query_range', { query: expression, start, end, step: '1' }),
    );
  }

  /** The sum of all series of an expression now; 0 where it has none. */
  async sum(expression: string): Promise<number> {
    return (await this.query(expression)).reduce((sum, { values }) => sum + (values[0] ?? 0), 0);
  }

  /** All values of a label, of the series that match. */
  async labelValues(label: string, match?: string): Promise<string[]> {
    return await this.#get<string[]>(
      `label/${label}/values`,
      match === undefined ? {} : { 'match[]': match },
    );
  }

  async alerts(): Promise<readonly Alert[]> {
    return (await this.#get<{ alerts: Alert[] }>('alerts', {})).alerts;
  }

  /** The expressions of all alerts that it has loaded, by name. */
  async alertExpressions(): Promise<Map<string, string>> {
    const { groups } = await this.#get<{ groups: { rules: { name: string; query: string }[] }[] }>(
      'rules',
      {},
    );
    return new Map(groups.flatMap(({ rules }) => rules.map(({ name, query }) => [name, query])));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end();
  }

  async #get<T>(path: string, parameters: Record<string, string>): Promise<T> {
    const response = await fetch(`${this.#url}/api/v1/${path}?${new URLSearchParams(parameters)}`);
    const answer: ApiAnswer<T> = JSON.parse(await response.text());
    if (answer.status !== 'success')
      throw new Error(`${path} ${JSON.stringify(parameters)}: ${answer.error}`);
    return answer.data;
  }
}

/** Runs promtool in the folder of the configuration. Throws what it says where it is not content. */
export function promtool(...args: string[]): void {
  const { status, stdout, stderr, error } = spawnSync('promtool', args, {
    cwd: PROMETHEUS_FOLDER,
    encoding: 'utf8',
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`promtool ${args.join(' ')}:\n${stdout}${stderr}`);
}

function withTargets(config: string, targets: readonly string[]): string {
  let changed = config;
  for (const [i, target] of CHECKED_IN_TARGETS.entries())
    changed = replaced(changed, target, targets[i] ?? '');
  changed = replaced(changed, 'scrape_interval: 15s', 'scrape_interval: 1s');
  return replaced(changed, 'evaluation_interval: 15s', 'evaluation_interval: 1s');
}

function replaced(text: string, from: string, to: string): string {
  if (!text.includes(from)) throw new Error(`prometheus.yml no longer says ${from}`);
  return text.replace(from, to);
}

function seriesOf({ result }: QueryResult): Series[] {
  return result.map(({ metric, value, values }) => ({
    metric,
    values: (values ?? (value === undefined ? [] : [value]))
      .map(([, text]) => Number(text))
      .filter((number) => Number.isFinite(number)),
  }));
}
