// What somebody wants of a child: the guest, during its turn, or an operator, who asked the child's own object.
// Both are commands to the policy, which gives the orders; a child never starts itself.

import { err, failed, ok, type HandlerAnswer } from "../../handlers/handler.ts";
import { ensureTheaterError, TheaterError } from "../../lib/errors.ts";
import { findChild } from "../../supervision/children.ts";
import { isUp } from "../../supervision/lifecycle.ts";
import { controlId, type Deadlocks } from "../mail/deadlocks.ts";
import type { ChildRestart } from "../protocol.ts";
import type { Cell } from "../record/cell.ts";
import type { ChildRows } from "./child-rows.ts";
import type { Keeper } from "./keeper.ts";

interface CommandParts {
  cell: Cell;
  rows: ChildRows;
  keeper: Keeper;
  deadlocks: Deadlocks;
  /** Whether the actor is a supervisor by its genesis. */
  keepsChildren: boolean;
}

/** The turn that waits for it. */
interface Caller {
  callId: string;
  isLive: () => boolean;
}

/** How long somebody waits for a child to be down, or to run again. */
const COMMAND_MS_MAX = 60_000;

export class Commands {
  readonly #parts: CommandParts;

  constructor(parts: CommandParts) {
    this.#parts = parts;
  }

  /** Stops or restarts a child, and waits until that is done, for a turn that is live. */
  async ofGuest(
    what: "stop-child" | "restart-child",
    id: string,
    { callId, isLive }: Caller,
  ): Promise<HandlerAnswer> {
    const { cell, rows, keeper, deadlocks } = this.#parts;
    const isRepeated = cell.get("command") === callId; // then the child may be forgotten by now
    const row = rows.byActor(id);
    if (row === undefined) return isRepeated && what === "stop-child" ? ok(null) : notAChild(id);
    const child = row.name;
    if (!isRepeated) {
      const trigger =
        what === "stop-child"
          ? { on: what, child, by: null }
          : { on: what, child, from: null, by: null };
      try {
        const decisions = keeper.command(trigger, () => cell.set("command", callId));
        const refusal = decisions.find(({ verdict }) => verdict === "refused");
        if (refusal !== undefined) return err(`refused: ${refusal.reason}`);
      } catch (thrown) {
        const { code, message } = ensureTheaterError(thrown);
        if (code !== "busy") throw thrown;
        return err(`${code}: ${message}`);
      }
    }
    const edge = { to: id, callId: controlId(callId), isLive };
    const isDone = (): Promise<boolean> => keeper.isQuiet(COMMAND_MS_MAX, child);
    if (!(await deadlocks.during(edge, isDone))) {
      return failed("outcome-unknown: the child takes its time");
    }
    const isRunning = findChild(keeper.state, child)?.state === "running";
    if (what === "restart-child" && !isRunning) return err("start-failed: see the child's chain");
    return ok(null);
  }

  /**
   * An operator wants a child started again that is down. False: this actor keeps no children, so the child may
   * start itself. Throws `wrong-state` where its supervisor would not, `busy`, and `outcome-unknown`.
   */
  async restart({ child, by }: ChildRestart): Promise<boolean> {
    const { cell, rows, keeper, keepsChildren } = this.#parts;
    if (!keepsChildren) return false;
    const { status } = cell;
    if (!isUp(status)) throw refusal(`is ${status}: restart that, and its children come with it.`);
    keeper.ensureUp();
    const name = rows.byActor(child)?.name;
    if (name === undefined) throw refusal(FORGOTTEN);
    const trigger = { on: "restart-child", child: name, from: null, by } as const;
    const refused = keeper.command(trigger).find(({ verdict }) => verdict === "refused");
    if (refused !== undefined) throw refusal(`refuses: ${refused.reason}`);
    if (!(await keeper.isQuiet(COMMAND_MS_MAX, name))) {
      const message = "The supervisor has the order, but the child takes its time: look at it.";
      throw new TheaterError("outcome-unknown", message);
    }
    const after = findChild(keeper.state, name);
    if (after?.state === "running") return true;
    throw refusal(`could not start it (${after?.lastExit ?? "forgotten"}): see both chains.`);
  }
}

const FORGOTTEN =
  "has forgotten it, as it does with temporary children that end: start another one with its state.";

const refusal = (why: string): TheaterError =>
  new TheaterError("wrong-state", `The actor's supervisor ${why}`);

export const notAChild = (id: string): HandlerAnswer => err(`not-a-child: ${id}`);
