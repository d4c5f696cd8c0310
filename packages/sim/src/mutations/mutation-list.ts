/**
 * Deliberate bugs, each of which the simulator must find. A change of the code that takes a text away which stands
 * here needs the mutation written anew: whoever cannot apply one fails.
 */
import type { Mutation } from './mutation.js';

const WRITES = 'core/dist/coordination/write-coordinator.js';
const READS = 'core/dist/coordination/key-reads.js';
const ROUND = 'core/dist/coordination/counter-round.js';
const QUORUM = 'core/dist/quorum/write-quorum.js';
const STORE = 'core/dist/storage/memory-store.js';
const SESSION = 'core/dist/anti-entropy/session.js';
const VOTES = 'core/dist/votes/store-votes.js';
const DISK = 'sim/dist/world/disk.js';

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'acknowledged-before-flush',
    breaks: 'a replica acknowledges a batch when it has it, not when it is flushed',
    file: DISK,
    find: 'const batch = { groups, hints, done };',
    replace: `const batch = { groups, hints, done() {} };
      this.#options.scheduler.after(10, () => done({ ok: true, value: { added: 0, trimmed: [], fenced: [], purged: [] } }));`,
    invariants: ['I1'],
    seeds: 10,
  },
  {
    name: 'unflushed-served',
    breaks: 'a replica answers readers with what is not flushed yet',
    file: DISK,
    find: 'this.#waiting.push(batch);',
    replace: 'this.#store.applyNow(groups, []); this.#waiting.push(batch);',
    invariants: ['I3', 'I4'],
    seeds: 1000,
  },
  {
    name: 'damaged-holder-absent',
    breaks: 'a replica says "absent" of a key whose holder the disk has damaged',
    file: DISK,
    find: "return 'unknown';",
    replace: "return 'absent';",
    invariants: ['I3', 'I4'],
    seeds: 1000,
  },
  {
    name: 'incarnation-kept',
    breaks: 'a node that starts again gives versions of its former incarnation',
    file: 'sim/dist/node/sim-node.js',
    find: 'const incarnation = originFromBits(random.bits64());',
    replace: 'const incarnation = (this.lastingIncarnation ??= originFromBits(random.bits64()));',
    invariants: ['I6'],
    seeds: 200,
  },
  {
    name: 'counters-not-kept',
    breaks: 'a coordinator forgets the counters that it has given to writes under way',
    file: 'core/dist/coordination/assigned-heads.js',
    find: 'this.#heads.set(partition, first + count - 1);',
    replace: '',
    invariants: ['I6'],
    seeds: 10,
  },
  {
    name: 'dead-replica-counted',
    breaks: 'a hint for a replica that is down counts toward the level',
    file: WRITES,
    find: "const failure = new MendlogError('UNREACHABLE',",
    replace: "const failure = undefined && new MendlogError('UNREACHABLE',",
    invariants: ['I1'],
    seeds: 10,
  },
  {
    name: 'one-acknowledgement-too-few',
    breaks: 'a write is acknowledged with one replica fewer than its level needs',
    file: QUORUM,
    find: 'if (this.#acks >= this.needed)',
    replace: 'if (this.#acks >= this.needed - 1)',
    invariants: ['I1'],
    seeds: 10,
  },
  {
    name: 'refused-by-one',
    breaks: 'a write is called refused when one replica has refused it',
    file: QUORUM,
    find: 'else if (this.#refusals > 0 && this.#refusals === this.#answers.size)',
    replace: 'else if (this.#refusals > 0)',
    invariants: ['I3', 'I9'],
    seeds: 10,
  },
  {
    name: 'counter-round-skipped',
    breaks: 'versions are given without asking a majority for its counters',
    file: ROUND,
    find: 'if (!cohort.inRealTime)',
    replace: 'if (cohort.inRealTime || true)',
    invariants: ['I3', 'I5'],
    seeds: 100,
  },
  {
    name: 'counter-round-too-small',
    breaks: 'a counter round ends with one answer fewer than a majority',
    file: ROUND,
    find: 'majorityOf(cohort.replicas.length) - own;',
    replace: 'majorityOf(cohort.replicas.length) - own - 1;',
    invariants: ['I3', 'I5'],
    seeds: 100,
  },
  {
    name: 'round-joined-late',
    breaks: 'a write joins a counter round whose questions were sent before it came',
    file: WRITES,
    find: 'while (this.#queue.length > 0 &&',
    replace: `const open = this.#unversioned.at(-1);
      for (const late of open === undefined ? [] : this.#queue.splice(0)) {
        const cohort = open.cohorts.find((one) => one.replicas === late.primaries && one.quorum.needed === late.needed);
        if (cohort === undefined) { this.#queue.push(late); continue; }
        this.#queuedBytes -= late.group.bytes.length;
        cohort.writes.push(late);
        if (cohort.writes !== open.writes) open.writes.push(late);
      }
      while (this.#queue.length > 0 &&`,
    invariants: ['I3'],
    seeds: 3000,
  },
  {
    name: 'versions-in-order-of-rounds',
    breaks: 'versions are given as rounds end, not in the order in which the groups came',
    file: WRITES,
    find: 'for (let first = this.#unversioned[0]; first?.round.isOver; first = this.#unversioned[0]) {',
    replace: 'for (const first of commit.isVersioned ? [] : [commit]) {',
    invariants: ['I10'],
    seeds: 20,
  },
  {
    name: 'write-back-skipped',
    breaks: 'a read does not give its winner to the replicas that lack it',
    file: READS,
    find: "const gifts = round.repair === 'off' ? NO_GIFTS : giftsOf(round);",
    replace: 'const gifts = NO_GIFTS;',
    invariants: ['I1', 'I3', 'I4'],
    seeds: 300,
  },
  {
    name: 'write-back-not-awaited',
    breaks: 'a read answers before the replicas have taken what it gives them',
    file: READS,
    find: "if (round.repair === 'blocking') {",
    replace: 'if (round.waiting.size < 0) {',
    invariants: ['I1', 'I3', 'I4'],
    seeds: 300,
  },
  {
    name: 'refused-on-its-way',
    breaks: 'a write that replicas are storing is called refused because its caller has gone',
    file: WRITES,
    find: 'write.end(result, quorum.acks);',
    replace: 'write.end(write.caller.isGone ? callerGone() : result, quorum.acks);',
    invariants: ['I3', 'I9'],
    seeds: 100,
  },
  {
    name: 'one-answer-too-few',
    breaks: 'a read answers with one replica fewer than its level needs',
    file: READS,
    find: 'if (round.answers.size >= round.needed)',
    replace: 'if (round.answers.size >= round.needed - 1)',
    invariants: ['I3', 'I4'],
    seeds: 20,
  },
  {
    name: 'unknown-counted',
    breaks: 'a replica that does not know the holder of a key has a vote on it',
    file: READS,
    find: "const unknown = reads.filter((_, i) => states[i] === 'unknown');",
    replace: 'const unknown = [];',
    invariants: ['I3', 'I4'],
    seeds: 1000,
  },
  {
    name: 'attempts-by-version',
    breaks: 'of the attempts of an append the highest version stays, not the last attempt',
    file: 'core/dist/record-key.js',
    find: 'return a.attempt === b.attempt ? compareVersions(a.version, b.version) : a.attempt - b.attempt;',
    replace: 'return compareVersions(a.version, b.version);',
    invariants: ['I9'],
    seeds: 200,
  },
  {
    name: 'attempt-not-counted',
    breaks: 'a client sends an append of unknown outcome again as the same attempt',
    file: 'sim/dist/clients/client.js',
    find: "send(outcome === 'unknown' ? attempt + 1 : attempt)",
    replace: 'send(attempt)',
    invariants: ['I9'],
    seeds: 300,
  },
  {
    name: 'attempt-not-completed',
    breaks: 'a retry acknowledges what it finds on one replica',
    file: 'core/dist/coordination/retried-appends.js',
    find: 'return { r: replicas, w: replicas };',
    replace: 'return { r: 1, w: 1 };',
    invariants: ['I1'],
    seeds: 100,
  },
  {
    name: 'lower-claim-wins',
    breaks: 'a store lets an older record take the place of a newer one of its key',
    file: STORE,
    find: 'if (holder !== undefined && compareClaims(holder, record) > 0)',
    replace: 'if (holder !== undefined && compareClaims(holder, record) < 0)',
    invariants: ['I5'],
    seeds: 10,
  },
  {
    name: 'trim-not-merged',
    breaks: 'a session compares before the trim watermarks are merged',
    file: SESSION,
    find: 'here.trimmedTo !== there.trimmedTo',
    replace: 'here.trimmedTo < 0',
    invariants: ['I2', 'I5'],
    seeds: 20,
  },
  {
    name: 'pushed-nothing',
    breaks: 'a session does not send what the other side lacks',
    file: SESSION,
    find: "push.push(...(merged.missing.get('there') ?? []));",
    replace: '',
    invariants: ['I2'],
    seeds: 400,
  },
  {
    name: 'hint-dropped',
    breaks: 'no hint is kept for a replica that did not acknowledge',
    file: WRITES,
    find: 'const hints = node === this.#ports.self ? commit.hints : [this.#hintFor(commit, node)];',
    replace: 'const hints = [];',
    invariants: ['I2'],
    seeds: 200,
  },
  {
    name: 'hint-for-the-dead-dropped',
    breaks: 'no hint is kept for a replica that was known to be down',
    file: WRITES,
    find: 'commit.hints = down.map((node) => this.#hintFor(commit, node));',
    replace: 'commit.hints = [];',
    invariants: ['I2'],
    seeds: 200,
  },
  {
    name: 'new-store-votes',
    breaks: 'a node whose disk was lost votes as if it had lost nothing',
    file: VOTES,
    find: 'return this.#hasVote || this.waitsFor(partition).length === 0;',
    replace: 'return true;',
    invariants: ['I1', 'I3', 'I4', 'I9'],
    seeds: 1500,
  },
  {
    name: 'caught-up-with-one',
    breaks: 'a new store votes when it has caught up with one of the other primaries',
    file: VOTES,
    find: 'return others.filter((node) => this.#catchUps.get(node)?.hasBrought(partition, since) !== true);',
    replace: `const left = others.filter((node) => this.#catchUps.get(node)?.hasBrought(partition, since) !== true);
        return left.length < others.length ? [] : left;`,
    invariants: ['I1', 'I3', 'I4', 'I9'],
    seeds: 4000,
  },
];
