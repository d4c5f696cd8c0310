/**
 * Begins faults at random times and ends each after a while; all have ended when the cluster is to heal.
 *
 * A crash may lie in ambush: it waits for a batch that waits for its flush, where most is to be lost.
 */
import { formatVersion } from '@mendlog/core';
import { type ClusterContext, type NodeShell, nodeOf } from '../node/cluster-context.js';
import type { FaultKind } from './fault-kinds.js';
import { CALM } from './network.js';

const MS = 1000;
/** Nodes that are down or stopped at a time; more, and hardly anything is acknowledged. */
const NODES_OUT_MAX = 2;

export class FaultInjector {
  readonly #context: ClusterContext;
  /** What ends the faults that are under way. */
  readonly #ends = new Set<() => void>();
  #nodesOut = 0;

  constructor(context: ClusterContext) {
    this.#context = context;
  }

  start(): void {
    const { scenario, scheduler, random } = this.#context;
    for (const id of scenario.nodeIds) this.#setClock(nodeOf(this.#context, id));
    this.#loseSome();
    if (scenario.isSplit) this.#split();
    for (let i = 0; i < scenario.faults; i++) {
      const kind = random.of(scenario.faultKinds);
      scheduler.after(random.below(scenario.durationUs * 0.9), () => this.#begin(kind));
    }
  }

  /** Everything works from now on. */
  heal(): void {
    for (const end of [...this.#ends]) end();
    Object.assign(this.#context.network.weather, CALM);
  }

  #setClock(node: NodeShell): void {
    const { random, faults } = this.#context;
    if (!random.chance(0.5)) return;
    faults['clock apart'] += 1;
    node.clockOffsetMs = random.between(-5000, 5000);
    node.clockDriftRate = (random.unit() - 0.5) / 100;
  }

  /** A link of which only the heartbeats are lost. */
  #deafen(links: readonly string[]): () => void {
    const { deaf } = this.#context;
    for (const link of links) deaf.set(link, (deaf.get(link) ?? 0) + 1);
    return () => {
      for (const link of links) deaf.set(link, (deaf.get(link) ?? 1) - 1);
    };
  }

  /** Answers that come late belong to it: what a coordinator has been told is then no longer so. */
  #split(): void {
    const { random, scenario, network, nodes, faults } = this.#context;
    const [any] = nodes.values();
    const [first = '', second = ''] = any?.primaries(random.of(scenario.partitions)) ?? [];
    faults['heartbeats lost'] += 1;
    this.#ends.add(this.#deafen([`${second}>${first}`]));
    Object.assign(network.weather, { lateRate: 0.2, lateUsMax: random.of([10, 20, 50]) * MS });
  }

  /** Of some seeds the network is bad all along. */
  #loseSome(): void {
    const { random, network } = this.#context;
    if (random.chance(0.5)) network.weather.twiceRate = 0.05;
    if (random.chance(0.3)) network.weather.lossRate = random.unit() * 0.03;
    if (random.chance(0.3))
      Object.assign(network.weather, { lateRate: 0.02, lateUsMax: random.of([5, 20, 50, 900]) * MS });
  }

  #begin(kind: FaultKind): void {
    const end = this.#effectOf(kind);
    if (end === undefined) return;
    const { scheduler, random, faults, trace, scenario } = this.#context;
    faults[kind] += 1;
    trace.note('world', `* ${kind} begins`);
    const finish = () => {
      if (!this.#ends.delete(finish)) return;
      trace.note('world', `* ${kind} ends`);
      end();
    };
    this.#ends.add(finish);
    const lastsUs = random.of([20, 100, 400, 900]) * MS * (0.5 + random.unit());
    // Shorter, and nobody would notice.
    const unnoticedUs = kind === 'heartbeats lost' ? scenario.deadAfterUs : 0;
    scheduler.after(lastsUs + unnoticedUs, finish);
  }

  /** Begins a fault; what is returned ends it. Undefined where it cannot be now. */
  #effectOf(kind: FaultKind): (() => void) | undefined {
    const { random, scenario } = this.#context;
    const node = nodeOf(this.#context, random.of(scenario.nodeIds));
    const others = scenario.nodeIds.filter((id) => id !== node.id);
    switch (kind) {
      case 'partition':
        return this.#cut(
          this.#sidesOf(node).flatMap(([a, b]) => [
            [a, b],
            [b, a],
          ]),
        );
      case 'one-way partition':
        return this.#cut(random.chance(0.5) ? this.#sidesOf(node) : [[node.id, random.of(others)]]);
      case 'heartbeats lost': {
        const links = [random.of(others), random.of(others)].map((id) => `${id}>${node.id}`);
        return this.#deafen(links);
      }
      case 'message late':
        return this.#weather({ lateRate: 0.1, lateUsMax: random.of([5, 20, 50, 300, 1500]) * MS });
      case 'slow network':
        return this.#weather({ delayUsMax: random.of([10, 40]) * MS });
      case 'pause':
        return this.#pause(node);
      case 'crash, tail lost':
        return this.#crash(node, false);
      case 'crash, tail kept':
        return this.#crash(node, true);
      case 'closed':
        return this.#close(node);
      case 'power cut':
        return this.#cutPower();
      case 'disk lost':
        return this.#loseDisk();
      case 'disk full':
        node.disk.isFull = true;
        return () => {
          node.disk.isFull = false;
        };
      case 'slow disk':
        node.disk.slowUsMax = random.of([20, 100, 500]) * MS;
        return () => {
          node.disk.slowUsMax = 0;
        };
      case 'record damaged':
        return this.#damage();
      default:
        return undefined;
    }
  }

  /** Links from one side of the cluster, this node's, to the other one. */
  #sidesOf(node: NodeShell): [string, string][] {
    const { random, scenario } = this.#context;
    const here = scenario.nodeIds.filter(
      (id) => id === node.id || (scenario.nodeIds.length > 3 && random.chance(0.3)),
    );
    const there = scenario.nodeIds.filter((id) => !here.includes(id));
    return here.flatMap((a) => there.map((b): [string, string] => [a, b]));
  }

  #linksOf(id: string): [string, string][] {
    const others = this.#context.scenario.nodeIds.filter((other) => other !== id);
    return others.flatMap((other): [string, string][] => [
      [id, other],
      [other, id],
    ]);
  }

  #cut(links: readonly (readonly [string, string])[]): () => void {
    const { network, trace } = this.#context;
    trace.note('world', `* cut: ${links.map(([a, b]) => `${a}>${b}`).join(' ')}`);
    for (const [from, to] of links) network.cut(from, to);
    return () => {
      for (const [from, to] of links) network.mend(from, to);
    };
  }

  #weather(change: Partial<ClusterContext['network']['weather']>): () => void {
    const { weather } = this.#context.network;
    const before = { ...weather };
    Object.assign(weather, change);
    return () => {
      Object.assign(weather, before);
    };
  }

  #pause(node: NodeShell): (() => void) | undefined {
    if (!node.isUp || node.isPaused || this.#nodesOut >= NODES_OUT_MAX) return undefined;
    this.#nodesOut += 1;
    node.pause();
    return () => {
      this.#nodesOut -= 1;
      node.resume();
    };
  }

  #crash(node: NodeShell, tailKept: boolean): (() => void) | undefined {
    const { random, scheduler } = this.#context;
    if (!node.isUp || node.isPaused || this.#nodesOut >= NODES_OUT_MAX) return undefined;
    this.#nodesOut += 1;
    let isOver = false;
    const crash = () => {
      if (node.isUp && !isOver) node.crash(tailKept ? random.between(1, 4) : 0);
    };
    if (random.chance(0.3)) crash();
    else {
      // The longer the flush, the more others have seen of what will be lost.
      const isLong = random.chance(0.5);
      if (isLong) node.disk.slowUsMax = 80 * MS;
      node.disk.onWaiting = () => {
        node.disk.onWaiting = undefined;
        scheduler.after(random.below(isLong ? 60 * MS : 2500), crash);
      };
    }
    return () => {
      isOver = true;
      this.#nodesOut -= 1;
      node.disk.slowUsMax = 0;
      node.disk.onWaiting = undefined;
      if (!node.isUp) node.start();
    };
  }

  /**
   * A node crashes, and comes back with an empty disk, while the disks of all others are sound: nobody promises anything
   * of what only lost ones held. It lies in wait for a record that most others lack, and often keeps all from one that
   * has it too: the node and those that lack it would be a majority. Or others are slow, so that it comes back while what it
   * has acknowledged is on its way to them.
   */
  #loseDisk(): () => void {
    const { random, scheduler, monitor, scenario, nodes } = this.#context;
    const ends: (() => void)[] = [];
    const areSlow = random.chance(0.3);
    if (areSlow) {
      for (const { disk } of nodes.values()) if (random.chance(0.7)) disk.slowUsMax = 400 * MS;
      ends.push(() => {
        for (const { disk } of nodes.values()) disk.slowUsMax = 0;
      });
    }
    let isOver = false;
    const look = () => {
      if (isOver) return;
      const node = nodeOf(this.#context, random.of(scenario.nodeIds));
      const others = [...nodes.values()].filter((one) => one !== node);
      const areSound = others.every(({ disk }) => disk.isVoter && disk.damaged.length === 0);
      const holder = areSlow
        ? random.of(others).id
        : monitor.sharesWith(node, random.of(scenario.partitions));
      if (
        !node.isUp ||
        node.isPaused ||
        !areSound ||
        holder === undefined ||
        this.#nodesOut >= NODES_OUT_MAX
      ) {
        scheduler.after(random.between(1, 5) * MS, look);
        return;
      }
      this.#nodesOut += 1;
      node.crash(0);
      node.loseDisk();
      // From all, so that it does not bring the others what they lack.
      const cut = () => {
        if (!isOver) ends.push(this.#cut(this.#linksOf(holder)));
      };
      const cutWhenAllAreTold = () => {
        if (node.isUp && node.process.votes.tick >= others.length) cut();
        else if (!isOver) scheduler.after(MS / 2, cutWhenAllAreTold);
      };
      // Before it has told that one of its new store, or when it has.
      if (random.chance(areSlow ? 0.1 : 0.8))
        scheduler.after(0, random.chance(0.4) ? cut : cutWhenAllAreTold);
      let isBack = false;
      const comeBack = () => {
        if (isBack) return;
        isBack = true;
        this.#nodesOut -= 1;
        if (!node.isUp) node.start();
      };
      ends.push(comeBack);
      scheduler.after(random.below((areSlow ? 5 : 30) * MS), comeBack);
    };
    look();
    return () => {
      isOver = true;
      for (const end of ends) end();
    };
  }

  /** It takes no more writes, and ends when those under way have had their time. */
  #close(node: NodeShell): (() => void) | undefined {
    const { random, scheduler } = this.#context;
    if (!node.isUp || node.isPaused || this.#nodesOut >= NODES_OUT_MAX) return undefined;
    this.#nodesOut += 1;
    let isOver = false;
    const { epoch } = node;
    node.process.coordinator.writes.close();
    scheduler.after(random.below(30 * MS), () => {
      if (!isOver && node.isUp && node.epoch === epoch) node.crash(node.disk.waiting);
    });
    return () => {
      isOver = true;
      this.#nodesOut -= 1;
      if (node.isUp && node.epoch === epoch) node.crash(node.disk.waiting);
      if (!node.isUp) node.start();
    };
  }

  /** All nodes at once, while they have much that is not flushed. */
  #cutPower(): () => void {
    const { random, scheduler, nodes } = this.#context;
    const all = [...nodes.values()];
    let isOver = false;
    for (const { disk } of all) disk.slowUsMax = 60 * MS;
    const cut = () => {
      if (isOver) return;
      for (const node of all) if (node.isUp) node.crash(random.chance(0.2) ? 1 : 0);
    };
    const watched = random.of(all);
    watched.disk.onWaiting = () => {
      watched.disk.onWaiting = undefined;
      scheduler.after(random.below(40 * MS), cut);
    };
    return () => {
      isOver = true;
      for (const node of all) {
        node.disk.slowUsMax = 0;
        node.disk.onWaiting = undefined;
        if (!node.isUp) node.start();
      }
    };
  }

  /** A few records, of which others have theirs still. It lies in wait for what not all have, which is where it hurts. */
  #damage(): () => void {
    const { random, scenario, scheduler, monitor, trace } = this.#context;
    let isOver = false;
    let left = random.between(2, 6);
    const look = () => {
      if (isOver) return;
      for (const partition of scenario.partitions) {
        const node = nodeOf(this.#context, random.of(scenario.nodeIds));
        const version =
          left > 0 ? monitor.spareRecord(node, partition, { scarce: random.chance(0.9) }) : undefined;
        if (version === undefined) continue;
        left -= 1;
        trace.note('world', `* damages ${partition}/${formatVersion(version)} at ${node.id}`);
        node.disk.damage(partition, version);
      }
      if (left > 0) scheduler.after(random.between(2, 20) * MS, look);
    };
    look();
    return () => {
      isOver = true;
    };
  }
}
