// The reference: OTP's supervisor as a process with a mailbox, the way Erlang has it. It blocks while it
// starts and stops, and what happens meanwhile waits. Written from OTP's documented behaviour and knowing
// nothing of src/supervision. Where Theater means to differ, a comment says "Theater".

import type { ExitKind, Restart } from "../../src/supervision/spec.ts";
import {
  choose,
  nameOf,
  parentOf,
  ROOT,
  World,
  type Node,
  type Script,
  type SupNode,
} from "./world.ts";

type Reason = "normal" | "shutdown" | "crash";
type Message =
  | { readonly tag: "EXIT"; readonly pid: Process; readonly reason: Reason }
  | { readonly tag: "try_again"; readonly name: string }
  | { readonly tag: "command"; readonly run: () => void };

/** A worker, or a supervisor with its children. */
class Process {
  readonly path: string;
  supervisor: OtpSupervisor | null = null;
  alive = true;
  constructor(path: string) {
    this.path = path;
  }
}

interface Slot {
  readonly node: Node;
  pid: Process | "undefined" | "restarting";
}

class OtpSupervisor {
  readonly path: string;
  readonly flags: SupNode;
  readonly self: Process;
  readonly os: System;
  slots: Slot[] = [];
  restarts: number[] = [];
  mailbox: Message[] = [];
  busy = false;

  constructor(path: string, flags: SupNode, self: Process, os: System) {
    this.path = path;
    this.flags = flags;
    this.self = self;
    this.os = os;
  }

  /** init: all children in order, or none. */
  startLink(): boolean {
    this.busy = true;
    // Theater: dynamic children are in the record, so they are there again.
    const specs = [...this.flags.children, ...this.os.dynamicOf(this.path)];
    this.slots = specs.map((node) => ({ node, pid: "undefined" }));
    for (const slot of this.slots) {
      if (this.#start(slot)) continue;
      this.#terminate("escalated");
      return false;
    }
    return true;
  }

  /** Handles what came in during init; init itself reads no mail. */
  enterLoop(): void {
    this.busy = false;
    this.#loop();
  }

  send(message: Message): void {
    this.mailbox.push(message);
    if (!this.busy) this.#loop();
  }

  /** exit(Pid, shutdown), from the supervisor above. */
  exitShutdown(): void {
    if (this.self.alive) this.#terminate("shutdown");
  }

  #loop(): void {
    this.busy = true;
    while (this.self.alive) {
      const message = this.mailbox.shift();
      if (message === undefined) break;
      this.#handle(message);
    }
    this.busy = false;
  }

  #handle(message: Message): void {
    switch (message.tag) {
      case "EXIT": {
        const slot = this.slots.find((each) => each.pid === message.pid);
        if (slot !== undefined) this.#childDied(slot, message.reason);
        return;
      }
      case "try_again": {
        const slot = this.slots.find((each) => each.node.name === message.name);
        if (slot?.pid === "restarting") this.#restart(slot);
        return;
      }
      case "command":
        message.run();
    }
  }

  #childDied(slot: Slot, reason: Reason): void {
    const { restart, significant } = slot.node;
    if (restart === "permanent" || (restart === "transient" && reason === "crash")) {
      this.#restart(slot);
      return;
    }
    this.#delete(slot);
    if (!significant) return;
    const others = this.slots.some((each) => each.node.significant && each.pid !== "undefined");
    if (this.flags.autoShutdown === "any-significant") this.#giveUp("shutdown");
    if (this.flags.autoShutdown === "all-significant" && !others) this.#giveUp("shutdown");
  }

  #restart(slot: Slot): void {
    const { nowMs } = this.os.world;
    this.restarts.push(nowMs);
    this.restarts = this.restarts.filter((at) => nowMs - at <= this.flags.periodMs);
    if (this.restarts.length > this.flags.intensity) {
      slot.pid = "undefined";
      this.#giveUp("escalated");
      return;
    }
    const index = this.slots.indexOf(slot);
    if (slot.pid !== "restarting") slot.pid = "undefined";
    let group: Slot[] = [slot];
    if (this.flags.strategy === "one-for-all") group = [...this.slots];
    if (this.flags.strategy === "rest-for-one") group = this.slots.slice(index);
    if (group.length > 1) this.#stopAll(group);
    for (const member of group) {
      if (!this.slots.includes(member)) continue; // temporary: gone
      if (this.#start(member)) continue;
      member.pid = "restarting";
      this.mailbox.push({ tag: "try_again", name: member.node.name });
      return;
    }
  }

  #stopAll(group: Slot[]): void {
    for (const member of [...group].reverse()) {
      this.#stop(member);
      member.pid = "undefined";
      if (member.node.restart === "temporary") this.#remove(member);
    }
  }

  #giveUp(why: "shutdown" | "escalated"): void {
    this.#terminate(why);
    this.os.exited(this.self, "shutdown");
  }

  #terminate(why: "shutdown" | "escalated"): void {
    this.busy = true; // reads no more mail
    for (const slot of [...this.slots].reverse()) {
      this.#stop(slot);
      if (slot.node.restart === "temporary") this.os.forgetDynamic(this.path, slot.node.name);
    }
    this.self.alive = false;
    this.os.world.write(`end ${this.path} ${why}`);
  }

  #start(slot: Slot): boolean {
    this.#meanwhile();
    const pid = this.os.start(`${this.path}/${slot.node.name}`, slot.node.sup);
    if (pid === undefined) return false;
    slot.pid = pid;
    return true;
  }

  #stop(slot: Slot): void {
    if (!(slot.pid instanceof Process)) return;
    const { pid } = slot;
    this.#meanwhile();
    this.os.stop(pid);
    // unlink_flush: no EXIT of it stays in the mailbox.
    this.mailbox = this.mailbox.filter((each) => each.tag !== "EXIT" || each.pid !== pid);
  }

  #meanwhile(): void {
    const path = this.os.world.crashMeanwhile(this.path);
    if (path !== undefined) this.workerDied(path, "crash");
  }

  workerDied(path: string, reason: Reason): void {
    const slot = this.slots.find(({ node }) => node.name === nameOf(path));
    if (slot?.pid instanceof Process) this.send({ tag: "EXIT", pid: slot.pid, reason });
  }

  #delete(slot: Slot): void {
    slot.pid = "undefined";
    const simple = this.flags.strategy === "simple-one-for-one";
    if (slot.node.restart === "temporary" || simple) this.#remove(slot);
  }

  #remove(slot: Slot): void {
    this.slots = this.slots.filter((each) => each !== slot);
    this.os.forgetDynamic(this.path, slot.node.name);
  }

  terminateChild(name: string): void {
    const slot = this.slots.find(({ node }) => node.name === name);
    if (slot === undefined) return;
    this.#stop(slot);
    this.#delete(slot);
  }

  /** Theater: one that runs is stopped first, where OTP says `running`. */
  restartChild(name: string): void {
    const slot = this.slots.find(({ node }) => node.name === name);
    if (slot === undefined) return;
    this.#stop(slot);
    slot.pid = "undefined";
    if (this.#start(slot)) return;
    this.#delete(slot);
  }

  deleteChild(name: string): void {
    const slot = this.slots.find(({ node }) => node.name === name);
    if (slot?.pid === "undefined") this.#remove(slot);
  }

  /** start_child of a worker that begins well. */
  adopt(node: Node): void {
    const path = `${this.path}/${node.name}`;
    this.os.world.live(path);
    this.slots.push({ node, pid: new Process(path) });
    this.os.rememberDynamic(this.path, node);
  }
}

class System {
  readonly world: World;
  readonly supervisors = new Map<string, OtpSupervisor>();
  readonly #dynamics = new Map<string, Node[]>();
  readonly #exits: { pid: Process; reason: Reason }[] = [];
  readonly #root: SupNode;
  #spawned = 0;

  constructor(script: Script) {
    this.world = new World(script);
    this.#root = script.root;
  }

  dynamicOf(path: string): readonly Node[] {
    return this.#dynamics.get(path) ?? [];
  }

  rememberDynamic(path: string, node: Node): void {
    this.#dynamics.set(path, [...this.dynamicOf(path), node]);
  }

  forgetDynamic(path: string, name: string): void {
    this.#dynamics.set(
      path,
      this.dynamicOf(path).filter((node) => node.name !== name),
    );
  }

  start(path: string, flags: SupNode | null): Process | undefined {
    this.world.write(`start ${path}`);
    const fails = this.world.startFails();
    const pid = new Process(path);
    if (!fails && flags === null) this.world.live(path);
    let ok = !fails;
    if (ok && flags !== null) {
      pid.supervisor = new OtpSupervisor(path, flags, pid, this);
      this.supervisors.set(path, pid.supervisor);
      ok = pid.supervisor.startLink();
      if (ok) pid.supervisor.enterLoop();
    }
    if (!ok) this.world.write(`failed ${path}`);
    return ok ? pid : undefined;
  }

  stop(pid: Process): void {
    this.world.write(`stop ${pid.path}`);
    this.world.die(pid.path);
    pid.supervisor?.exitShutdown();
  }

  exited(pid: Process, reason: Reason): void {
    this.#exits.push({ pid, reason });
  }

  boot(): void {
    if (this.supervisors.get(ROOT)?.self.alive !== true) this.start(ROOT, this.#root);
    this.#settle();
  }

  crash(pick: number, kind: ExitKind): void {
    const path = this.world.pickWorker(pick);
    if (path === undefined || !this.world.die(path)) return;
    const reason = kind === "normal" || kind === "shutdown" ? kind : "crash";
    this.supervisors.get(parentOf(path))?.workerDied(path, reason);
    this.#settle();
  }

  command(what: "stop-child" | "restart-child" | "delete-child", pick: number): void {
    const path = choose(this.#children(), pick);
    if (path === undefined) return;
    const supervisor = this.supervisors.get(parentOf(path));
    const name = nameOf(path);
    const run = {
      "stop-child": () => supervisor?.terminateChild(name),
      "restart-child": () => supervisor?.restartChild(name),
      "delete-child": () => supervisor?.deleteChild(name),
    }[what];
    supervisor?.send({ tag: "command", run });
    this.#settle();
  }

  spawn(pick: number, restart: Restart): void {
    const path = choose(this.#up(), pick);
    if (path === undefined) return;
    const node = { name: `d${this.#spawned++}`, restart, significant: false, sup: null };
    this.supervisors.get(path)?.adopt(node);
  }

  #up(): string[] {
    return [...this.supervisors].filter(([, each]) => each.self.alive).map(([path]) => path);
  }

  #children(): string[] {
    return this.#up().flatMap((path) =>
      (this.supervisors.get(path)?.slots ?? []).map(({ node }) => `${path}/${node.name}`),
    );
  }

  #settle(): void {
    for (let exit = this.#exits.shift(); exit !== undefined; exit = this.#exits.shift()) {
      const { pid, reason } = exit;
      this.supervisors.get(parentOf(pid.path))?.send({ tag: "EXIT", pid, reason });
    }
  }
}

/** Runs the script and returns what was done to whom. */
export function runReference(script: Script): string[] {
  const system = new System(script);
  system.boot();
  for (const happening of script.happenings) {
    system.world.write(`-- ${JSON.stringify(happening)}`);
    switch (happening.do) {
      case "boot":
        system.boot();
        break;
      case "pass":
        system.world.nowMs += happening.ms;
        break;
      case "crash":
        system.crash(happening.pick, happening.kind);
        break;
      case "spawn":
        system.spawn(happening.pick, happening.restart);
        break;
      case "stop-child":
      case "restart-child":
      case "delete-child":
        system.command(happening.do, happening.pick);
    }
  }
  return system.world.log;
}
