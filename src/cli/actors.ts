// Looking at actors and changing their status.

import { askJson, asList, asObject, type JsonObject } from "./client.ts";
import { fields, printable, table, timeText } from "./output.ts";
import type { Context } from "./context.ts";

/** A listing goes on page by page; a fleet beyond this is for programs that use HTTP. */
const PAGES_MAX = 100;

/** All actors, page by page, or the first of more than anybody lists. */
export async function allActors(
  { connection, output }: Context,
  filter: { status?: string; parent?: string },
): Promise<JsonObject[]> {
  const actors: JsonObject[] = [];
  let cursor: unknown = null;
  for (let page = 0; page < PAGES_MAX; page++) {
    const query = new URLSearchParams({ ...filter, limit: "1000" });
    if (typeof cursor === "string") query.set("cursor", cursor);
    const answer = await askJson(connection, "GET", `/v1/actors?${query.toString()}`);
    actors.push(...asList(answer["actors"], "actors").map((actor) => asObject(actor, "actor")));
    cursor = answer["cursor"] ?? null;
    if (cursor === null) break;
  }
  if (cursor !== null) output.note(`only the first ${actors.length} actors`);
  return actors;
}

export async function list(
  context: Context,
  filter: { status?: string; parent?: string },
): Promise<void> {
  const actors = await allActors(context, filter);
  context.output.show(actors, () => {
    if (actors.length === 0) return "no actors";
    const columns = ["id", "name", "status", "created", "parent"].map((title) => ({ title }));
    const names = ["id", "name", "status", "createdMs", "parent"];
    const rows = actors.map((actor) => names.map((name) => printable(shown(name, actor[name]))));
    return table(columns, rows);
  });
}

export async function inspect({ connection, output }: Context, id: string): Promise<void> {
  const actor = await askJson(connection, "GET", actorPath(id));
  output.show(actor, () =>
    fields(
      Object.entries(actor).map(([name, value]) => [
        printable(name.replace(/Ms$/, "")),
        printable(shown(name, value)),
      ]),
    ),
  );
}

export async function change(
  { connection, output }: Context,
  id: string,
  name: "stop" | "terminate" | "restart" | "pause" | "resume",
): Promise<void> {
  const answer = await askJson(connection, "POST", `${actorPath(id)}/${name}`);
  output.show(answer, () => printable(String(answer["status"])));
}

export function actorPath(id: string): string {
  return `/v1/actors/${encodeURIComponent(id)}`;
}

function shown(name: string, value: unknown): string {
  if (name.endsWith("Ms") && typeof value === "number") return timeText(value);
  if (value === null) return "-";
  if (typeof value === "string") return value;
  if (typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value) && value.every((one) => typeof one === "string")) {
    return value.length === 0 ? "-" : value.join(", ");
  }
  const { seq, cid, actor }: JsonObject = { ...value };
  if (typeof seq === "number" && typeof actor === "string") return `event ${seq} of ${actor}`;
  const isRef = typeof seq === "number" && typeof cid === "string";
  return isRef ? `${seq}:${cid}` : JSON.stringify(value);
}
