/**
 * One client: random operations, one burst after another, through random nodes.
 *
 * An append with a key of its own is sent again until it is acknowledged or patience ends: with the same number of
 * attempt where nothing was written, with the next one where the outcome is unknown. A put is not: it would
 * be a second write.
 */
import {
  type Caller,
  decodeFrame,
  type ErrorCode,
  encodeDraft,
  type KeyOutcome,
  type Level,
  LIMITS,
  packItems,
  putKey,
  type RangeOutcome,
  VERSION_LOWEST,
  type WriteOutcome,
} from '@mendlog/core';
import type { Outcome } from '../history/history-line.js';
import type { ClusterContext, NodeShell } from '../node/cluster-context.js';
import { nodeOf } from '../node/cluster-context.js';
import {
  type ClientRead,
  type ClientWrite,
  servePipeline,
  serveRead,
  serveScan,
  serveWrite,
} from '../node/frontend.js';
import { kindOfPartition } from '../scenario.js';
import type { Endpoint } from '../world/endpoint.js';
import type { Answer } from '../world/network.js';
import type { Begun, RunHistory } from './history-of-run.js';
import { callerFor } from './patience.js';
import { walkScan } from './scan-walk.js';

const SENDS_MAX = 6;
const BURST_MAX = 3;
/** A page of as many as a message may have is all that there is. */
const PAGE_RECORDS_MAX = LIMITS.batchRecordsMax;

/** With these nothing was written. */
const NOTHING_WRITTEN: ReadonlySet<ErrorCode> = new Set([
  'UNAVAILABLE',
  'UNREACHABLE',
  'OVERLOADED',
  'REQUEST_TIMEOUT',
  'DISK_FULL',
  'CLOCK_JUMP',
  'TRIMMED',
  'FENCED',
  'CLOSED',
]);

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class Client implements Endpoint {
  readonly id: string;
  readonly epoch = 0;
  readonly isUp = true;
  readonly #number: number;
  readonly #context: ClusterContext;
  readonly #history: RunHistory;
  /** Some do little but read: they see what writers, who wait for their writes, do not. */
  readonly #isReader: boolean;
  #values = 0;
  #underWay = 0;
  #isStopped = false;

  constructor(number: number, context: ClusterContext, history: RunHistory) {
    this.id = `client ${number}`;
    this.#number = number;
    this.#context = context;
    this.#history = history;
    this.#isReader = context.random.chance(0.35);
  }

  run(_epoch: number, work: () => void): void {
    work();
  }

  start(): void {
    this.#goOn();
  }

  /** Begins nothing more. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Reads every key of the partitions whose histories are judged, and scans them. */
  readAll(): void {
    const { partitions, keys } = this.#context.scenario;
    for (const partition of partitions.filter((one) => kindOfPartition(one) === 'strict'))
      this.#get(partition, keys);
  }

  /** Scans the partitions whose histories are judged, when everything works. */
  scanAll(): void {
    const { random, scenario } = this.#context;
    for (const partition of scenario.partitions) this.#scan(partition, random.of([20, PAGE_RECORDS_MAX]));
  }

  #goOn(): void {
    const { random, scheduler, scenario } = this.#context;
    const thinkUsMax = this.#isReader ? scenario.thinkUsMax / 4 : scenario.thinkUsMax;
    scheduler.after(1 + random.below(thinkUsMax), () => {
      if (this.#isStopped) return;
      const burst = random.chance(0.15) ? random.between(2, BURST_MAX) : 1;
      for (let i = 0; i < burst; i++) this.#operate();
    });
  }

  #done(): void {
    this.#underWay -= 1;
    if (this.#underWay === 0) this.#goOn();
  }

  #operate(): void {
    const { random, scenario } = this.#context;
    const partition = random.of(scenario.partitions);
    const kind = kindOfPartition(partition);
    const weights = {
      get: this.#isReader ? 500 : 30,
      put: 25,
      delete: scenario.purgeEveryUs > 0 ? 30 : 8,
      append: 20,
      bulk: scenario.isSplit ? 40 : 12,
      pipeline: 6,
      trim: kind === 'trimmed' ? 12 : 0,
      scan: !scenario.hasScans ? 0 : this.#isReader ? 60 : 6,
    };
    this.#underWay += 1;
    switch (random.weighted(weights)) {
      case 'get':
        this.#get(partition, random.chance(0.2) ? scenario.keys : [random.of(scenario.keys)]);
        break;
      case 'put':
        this.#put(partition, random.of(scenario.keys));
        break;
      case 'delete':
        this.#delete(partition, random.of(scenario.keys));
        break;
      case 'append':
        this.#append(partition);
        break;
      case 'bulk':
        this.#bulk(partition);
        break;
      case 'pipeline':
        this.#pipeline(partition);
        break;
      case 'scan':
        this.#scan(partition, random.chance(0.4) ? PAGE_RECORDS_MAX : random.between(1, 8));
        break;
      case 'trim':
        this.#trim(partition);
        break;
    }
  }

  #get(partition: string, keys: readonly string[]): void {
    const begun = keys.map((key) => this.#begin('get', { partition, key, value: null }));
    const questions = keys.map((key) => ({ partition, key: putKey(key) }));
    const isStrict = kindOfPartition(partition) === 'strict';
    const repair = isStrict ? 'blocking' : this.#context.random.of(['blocking', 'async', 'off'] as const);
    this.#read({ questions, level: this.#level(partition), repair }, (answer) => {
      for (const [i, one] of begun.entries()) {
        const outcome = answer.ok ? answer.value[i] : undefined;
        if (outcome?.ok !== true) this.#end(one, 'fail');
        else this.#found(one, outcome.frame);
      }
      this.#done();
    });
  }

  /** Page after page, each through another node. */
  #scan(partition: string, pageRecords: number): void {
    const { random } = this.#context;
    const { scans, scanCounts } = this.#history;
    const isStrict = kindOfPartition(partition) === 'strict';
    const repair = isStrict ? 'blocking' : random.of(['blocking', 'async', 'off'] as const);
    const level = this.#level(partition);
    const from = random.chance(0.5) ? undefined : scans.recent(partition, random.between(1, 30));
    const plan = { from: from?.version ?? VERSION_LOWEST, pageRecords, descending: random.chance(0.5) };
    const start = scans.begin(partition, from);
    walkScan(
      plan,
      (range, answer) =>
        this.#send<RangeOutcome>(
          (node, told, caller) => serveScan(node, { partition, range, level, repair, caller }, told),
          answer,
        ),
      (scanned) => {
        if (scanned === undefined) scanCounts.fail++;
        else scanCounts.ok++;
        if (scanned !== undefined && isStrict) {
          const { records, pages } = scanned;
          scans.judge(start, records, { isWhole: true, isOnePage: pages === 1 });
        }
        this.#done();
      },
    );
  }

  #found(begun: Begun, frame: Uint8Array | undefined): void {
    const record = frame === undefined ? undefined : decodeFrame(frame);
    const found = record === undefined || record.tombstone ? null : decoder.decode(record.value);
    this.#note(
      begun,
      `found ${found}${record === undefined ? '' : ` at ${record.version.counter}-${record.version.origin}`}`,
    );
    this.#history.end(begun, { outcome: 'ok', version: record?.version, found });
  }

  #put(partition: string, key: string): void {
    const value = this.#value();
    const begun = this.#begin('put', { partition, key, value });
    this.#writeOnce([begun], [encodeDraft({ key, value: encoder.encode(value) })]);
  }

  #delete(partition: string, key: string): void {
    const begun = this.#begin('delete', { partition, key, value: null });
    this.#writeOnce([begun], [encodeDraft({ key, value: new Uint8Array(0), tombstone: true })]);
  }

  /** Records without keys, in one group. */
  #bulk(partition: string): void {
    const values = Array.from({ length: this.#context.random.between(1, 3) }, () => this.#value());
    const begun = values.map((value) => this.#begin('append', { partition, key: null, value }));
    this.#writeOnce(
      begun,
      values.map((value) => encodeDraft({ value: encoder.encode(value) })),
    );
  }

  /** Appends that do not wait for each other. */
  #pipeline(partition: string): void {
    const values = Array.from({ length: this.#context.random.between(2, 5) }, () => this.#value());
    const begun = values.map((value) => this.#begin('append', { partition, key: null, value }));
    const level = 'QUORUM';
    const writes = values.map((value): Omit<ClientWrite, 'caller'> => {
      const group = packItems(partition, [encodeDraft({ value: encoder.encode(value) })]);
      return { group, level, order: 'real-time' };
    });
    this.#send<(WriteOutcome | undefined)[]>(
      (node, answer, caller) =>
        servePipeline(
          node,
          writes.map((write) => ({ ...write, caller })),
          answer,
        ),
      (answer) => {
        for (const [i, one] of begun.entries()) {
          const outcome = answer.ok ? answer.value[i] : undefined;
          if (outcome?.ok === true)
            this.#end(one, 'ok', { counter: outcome.firstCounter, origin: outcome.origin });
          else if (answer.ok && outcome !== undefined)
            this.#end(one, outcomeOf({ ok: true, value: outcome }));
          else this.#end(one, answer.ok ? 'unknown' : outcomeOf(answer));
        }
        this.#done();
      },
    );
  }

  #writeOnce(begun: readonly Begun[], drafts: readonly Uint8Array[]): void {
    const [{ partition }] = begun as [Begun];
    this.#write({ ...this.#writeOptions(partition), group: packItems(partition, drafts) }, (answer) => {
      const outcome = outcomeOf(answer);
      for (const [i, one] of begun.entries()) {
        if (!answer.ok || !answer.value.ok) this.#end(one, outcome);
        else {
          const { firstCounter, origin } = answer.value;
          this.#end(one, 'ok', { counter: firstCounter + i, origin });
        }
      }
      this.#done();
    });
  }

  #append(partition: string): void {
    const value = this.#value();
    const id = this.#context.random.bytes(16);
    const begun = this.#begin('append', { partition, key: null, value, isRetried: true });
    const options = this.#writeOptions(partition);
    let isUnknown = false;
    let sends = 0;
    const send = (attempt: number) => {
      sends += 1;
      const draft = encodeDraft({ value: encoder.encode(value), append: { id, attempt } });
      this.#note(begun, `sends attempt ${attempt}`);
      this.#write({ ...options, group: packItems(partition, [draft]) }, (answer) => {
        if (answer.ok && answer.value.ok) {
          const { firstCounter: counter, origin } = answer.value;
          this.#end(begun, 'ok', { counter, origin });
          this.#done();
          return;
        }
        const outcome = outcomeOf(answer);
        if (outcome === 'unknown') isUnknown = true;
        if (sends < SENDS_MAX) {
          const delayUs = this.#context.random.below(20_000);
          this.#context.scheduler.after(delayUs, () => send(outcome === 'unknown' ? attempt + 1 : attempt));
        } else {
          this.#end(begun, isUnknown ? 'unknown' : 'fail');
          this.#done();
        }
      });
    };
    send(0);
  }

  /** One replica is told, and the others learn from it; perhaps ahead of what it holds, so that writes under way are hit. */
  #trim(partition: string): void {
    const { random, trace } = this.#context;
    this.#send<void>(
      (node, answer) => {
        const isReplica = node.primaries(partition).includes(node.id);
        const counter = node.disk.store.head(partition) + random.between(-8, 3);
        if (isReplica && counter > 0) {
          trace.note(node.id, `trims ${partition} to ${counter}`);
          node.disk.trim(partition, counter);
        }
        answer({ ok: true, value: undefined });
      },
      () => this.#done(),
    );
  }

  #write(write: Omit<ClientWrite, 'caller'>, done: (answer: Answer<WriteOutcome>) => void): void {
    this.#send<WriteOutcome>((node, answer, caller) => serveWrite(node, { ...write, caller }, answer), done);
  }

  #read(read: Omit<ClientRead, 'caller'>, done: (answer: Answer<KeyOutcome[]>) => void): void {
    this.#send<KeyOutcome[]>((node, answer, caller) => serveRead(node, { ...read, caller }, answer), done);
  }

  #send<Value>(
    serve: (node: NodeShell, answer: (answer: Answer<Value>) => void, caller: Caller) => void,
    done: (answer: Answer<Value>) => void,
  ): void {
    const { network, random, scenario, scheduler } = this.#context;
    const timeoutUs = scenario.clientTimeoutUs;
    // Whoever gives up early is told what has become of the call, so that it is judged. In the end everything is read.
    const isGivenUp = !this.#isStopped && random.chance(scenario.givenUpChance);
    const patienceUs = isGivenUp ? random.below(timeoutUs / 4) : timeoutUs;
    network.call<NodeShell, Value>({
      from: this,
      to: this.#anyNode(),
      timeoutUs,
      serve: (node, answer) => serve(node, answer, callerFor(scheduler, patienceUs)),
      done,
    });
  }

  /** One that takes connections, as a rule. */
  #anyNode(): NodeShell {
    const { random, scenario } = this.#context;
    const first = nodeOf(this.#context, random.of(scenario.nodeIds));
    return first.isUp ? first : nodeOf(this.#context, random.of(scenario.nodeIds));
  }

  #writeOptions(partition: string): Omit<ClientWrite, 'group' | 'caller'> {
    const { random } = this.#context;
    const order = kindOfPartition(partition) === 'loose' && random.chance(0.5) ? 'causal' : 'real-time';
    const isLoose = kindOfPartition(partition) === 'loose';
    const isAny = isLoose && this.#context.scenario.isHintKept && random.chance(0.4);
    return { level: isAny ? 'ANY' : this.#level(partition), order };
  }

  #level(partition: string): Level {
    const { random, scenario } = this.#context;
    const all = scenario.replicationFactor;
    const most = Math.floor(all / 2) + 1;
    if (kindOfPartition(partition) === 'loose') {
      // What one replica alone has acknowledged is lost with its disk.
      const isDiskLost = scenario.faultKinds.includes('disk lost');
      return random.of(isDiskLost ? (['TWO', 'QUORUM'] as const) : (['ONE', 'TWO', 'QUORUM'] as const));
    }
    return random.chance(0.85)
      ? 'QUORUM'
      : random.of(['ALL', { r: most, w: all }, { r: all, w: most }] as const);
  }

  /** Values of writes are unique, so that whoever reads one knows whose it is. */
  #value(): string {
    this.#values += 1;
    return `${this.#number}.${this.#values}`;
  }

  #begin(
    op: Begun['op'],
    what: Pick<Begun, 'partition' | 'key' | 'value'> & Partial<Pick<Begun, 'isRetried'>>,
  ): Begun {
    const begun = this.#history.begin({ client: this.#number, op, isRetried: false, ...what });
    this.#note(begun, 'begins');
    return begun;
  }

  #end(begun: Begun, outcome: Outcome, version?: { counter: number; origin: string }): void {
    this.#note(begun, `${outcome}${version === undefined ? '' : ` at ${version.counter}-${version.origin}`}`);
    this.#history.end(begun, { outcome, version });
  }

  #note({ op, partition, key, value }: Begun, what: string): void {
    const { trace } = this.#context;
    if (trace.isOn) trace.note(this.id, `${op} ${partition}/${key ?? '-'} ${value ?? ''}: ${what}`);
  }
}

function outcomeOf(answer: Answer<WriteOutcome>): Outcome {
  if (!answer.ok) return NOTHING_WRITTEN.has(answer.error.code) ? 'fail' : 'unknown';
  if (answer.value.ok) return 'ok';
  return NOTHING_WRITTEN.has(answer.value.error.code) ? 'fail' : 'unknown';
}
