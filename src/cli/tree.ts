// `theater tree`: an actor, its children and theirs, as their supervisors know them. Followed, it is drawn again
// whenever something in it has changed.

import { setTimeout as sleep } from "node:timers/promises";
import type { Colors } from "picocolors/types.js";
import { actorPath, allActors } from "./actors.ts";
import { asCount, asList, asObject, asText, askJson, type JsonObject } from "./client.ts";
import { isPassing } from "./follow.ts";
import { printable } from "./output.ts";
import type { Context } from "./context.ts";

/** Roots that are shown without an id: each is asked for its tree. */
const ROOTS_MAX = 100;
/** Between two looks of somebody who follows: a restart takes longer than that to matter to a person. */
const LOOK_MS = 1_000;

export async function tree(
  context: Context,
  id: string | undefined,
  { follow = false }: { follow?: boolean },
): Promise<void> {
  const { output } = context;
  let before = "";
  for (;;) {
    const trees = await look(context, id).catch((thrown: unknown) => {
      if (before === "" || !isPassing(thrown)) throw thrown;
      return undefined;
    });
    if (trees === undefined) {
      output.note("no answer; looking again");
      await sleep(LOOK_MS);
      continue;
    }
    const now = JSON.stringify(trees);
    if (now !== before) {
      if (follow && !output.isJson && process.stdout.isTTY) process.stdout.write(CLEARED);
      output.show(id === undefined ? trees : trees[0], () => drawn(trees, output.colors));
    }
    before = now;
    if (!follow) return;
    await sleep(LOOK_MS);
  }
}

/** Clears a terminal and goes to its upper left corner. */
const CLEARED = "\u001B[2J\u001B[H";

async function look(context: Context, id: string | undefined): Promise<JsonObject[]> {
  const { connection, output } = context;
  const ids = id === undefined ? await roots(context) : [id];
  if (ids.length > ROOTS_MAX) output.note(`only the first ${ROOTS_MAX} of ${ids.length} roots`);
  const trees: JsonObject[] = [];
  for (const root of ids.slice(0, ROOTS_MAX)) {
    trees.push(await askJson(connection, "GET", `${actorPath(root)}/tree`));
  }
  return trees;
}

async function roots(context: Context): Promise<string[]> {
  const actors = await allActors(context, {});
  return actors.filter(({ parent }) => parent === null).map(({ id }) => asText(id, "id"));
}

function drawn(trees: readonly JsonObject[], colors: Colors): string {
  if (trees.length === 0) return "no actors";
  return trees.flatMap((root) => lines(root, { first: "", rest: "" }, colors)).join("\n");
}

/** A node and all below it; `first` stands before its own line, `rest` before those below. */
function lines(
  node: JsonObject,
  { first, rest }: { first: string; rest: string },
  colors: Colors,
): string[] {
  const children = asList(node["children"], "children").map((child) => asObject(child, "child"));
  const cut = node["more"] === true ? [`${rest}└─ ${colors.dim("… more")}`] : [];
  const below = children.flatMap((child, index) => {
    const isLast = index === children.length - 1 && cut.length === 0;
    const before = isLast
      ? { first: `${rest}└─ `, rest: `${rest}   ` }
      : { first: `${rest}├─ `, rest: `${rest}│  ` };
    return lines(child, before, colors);
  });
  return [first + line(node, colors), ...below, ...cut];
}

function line(node: JsonObject, colors: Colors): string {
  const { child, name, id, strategy, lastExit } = node;
  const status = asText(node["status"], "status");
  const restarts = Math.max(0, asCount(node["starts"], "starts") - 1);
  const isSpawned = child === id; // no manifest gave it a name, so its supervisor has none either
  const isSame = child === null || child === name || isSpawned;
  const parts = [
    colors.bold(printable(asText(isSpawned ? name : (child ?? name), "name"))),
    ...(isSame ? [] : [colors.dim(`(${printable(asText(name, "name"))})`)]),
    colored(status, colors),
    ...(restarts === 0
      ? []
      : [colors.yellow(restarts === 1 ? "1 restart" : `${restarts} restarts`)]),
    ...(typeof lastExit === "string" ? [`last ended: ${printable(lastExit)}`] : []),
    ...(typeof strategy === "string" ? [colors.dim(printable(strategy))] : []),
    colors.dim(typeof id === "string" ? printable(id) : "not born yet"),
  ];
  return parts.join("  ");
}

function colored(status: string, colors: Colors): string {
  const text = printable(status);
  if (status === "running") return colors.green(text);
  if (status === "failed") return colors.red(text);
  return status === "stopped" ? colors.dim(text) : colors.yellow(text);
}
