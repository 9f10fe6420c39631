// `theater replay --all`: would a component have done what is on record, for every actor that it would replace the
// component of? For a build that is about to be deployed. Nothing on the server changes, but that it has the component.

import { dirname, resolve } from "node:path";
import { TheaterError } from "../lib/errors.ts";
import { actorPath } from "./actors.ts";
import {
  askJson,
  asList,
  asObject,
  ServerRefusal,
  type Connection,
  type JsonObject,
} from "./client.ts";
import type { Context } from "./context.ts";
import { isReference, readText, readTableOf } from "./manifest-file.ts";
import { ManifestUpload } from "./manifest-upload.ts";
import { printable, table } from "./output.ts";
import { replayParts } from "./replay-parts.ts";
import { describeDifference } from "./replay-report.ts";
import { DIFFERENCE, VERIFIED } from "./verify-report.ts";

export interface RegressionOptions {
  component: string;
  /** Actors of this name; by default that of the manifest beside the component. */
  name?: string;
  /** Actors that run this component, "sha256:<hex>". */
  of?: string;
  from?: number;
  since?: number;
}

interface Row {
  actor: string;
  name: string;
  /** refused: it could not even run there. */
  verdict: string;
  turns: JsonObject;
  /** Null where none was found. */
  difference: unknown;
  /** Why it was refused. */
  problem: string | null;
}

/** What a server says of a component that does not fit an actor. */
const MISFITS = ["missing-handler", "not-granted", "unknown-import", "not-an-actor", "unsupported"];

/** The exit code: 3 where any recorded history would be another. */
export async function replayAll(context: Context, options: RegressionOptions): Promise<number> {
  const { connection, output } = context;
  const name =
    options.of === undefined
      ? (options.name ?? (await nameBeside(options.component)))
      : options.name;
  const component = await new ManifestUpload(context).component(options.component);
  const rows: Row[] = [];
  for await (const actor of actorsOf(connection)) {
    if (name !== undefined && actor["name"] !== name) continue;
    if (options.of !== undefined && actor["component"] !== options.of) continue;
    rows.push(await rowOf(context, actor, component, options));
  }
  const differing = rows.filter(({ verdict }) => verdict !== "verified").length;
  output.show({ component, differing, actors: rows }, () => describe(rows, differing));
  return differing === 0 ? VERIFIED : DIFFERENCE;
}

/** The query of a replay with another component. */
export function rehearsalQuery(
  component: string,
  { from, since }: { from?: number; since?: number },
  cursor: string | null,
): string {
  const query = new URLSearchParams({
    component,
    ...(cursor === null ? {} : { cursor }),
    ...(from === undefined ? {} : { from: String(from) }),
    ...(since === undefined ? {} : { since: String(since) }),
  });
  return `?${query.toString()}`;
}

async function rowOf(
  { connection, output }: Context,
  { id, name }: JsonObject,
  component: string,
  range: { from?: number; since?: number },
): Promise<Row> {
  const actor = String(id);
  const about = { actor, name: String(name) };
  output.note(`${actor} ${String(name)}`);
  const part = async (cursor: string | null): Promise<JsonObject> => {
    const path = `${actorPath(actor)}/chain/replay${rehearsalQuery(component, range, cursor)}`;
    return await askJson(connection, "POST", path);
  };
  try {
    const { verdict, turns, difference } = await replayParts(output, { actor, component, part });
    return {
      ...about,
      verdict: String(verdict),
      turns: asObject(turns, "turns"),
      difference,
      problem: null,
    };
  } catch (thrown) {
    if (!(thrown instanceof ServerRefusal) || !MISFITS.includes(thrown.code)) throw thrown;
    const problem = `${thrown.code}: ${thrown.message}`;
    return { ...about, verdict: "refused", turns: {}, difference: null, problem };
  }
}

/** All of them, however many pages that takes: an actor that was left out would not be missed. */
async function* actorsOf(connection: Connection): AsyncGenerator<JsonObject> {
  for (let cursor: unknown = null; ;) {
    const query = new URLSearchParams({ limit: "1000" });
    if (typeof cursor === "string") query.set("cursor", cursor);
    const page = await askJson(connection, "GET", `/v1/actors?${query.toString()}`);
    for (const actor of asList(page["actors"], "actors")) yield asObject(actor, "actor");
    cursor = page["cursor"] ?? null;
    if (cursor === null) return;
  }
}

/** The name that the manifest beside a component gives it, where that manifest is the component's. */
async function nameBeside(component: string): Promise<string> {
  const path = resolve(dirname(component), "manifest.toml");
  const text = isReference(component) ? undefined : await readText(path).catch(() => undefined);
  const { name, component: named } = text === undefined ? {} : readTableOf(text, path);
  const isIts = typeof named === "string" && resolve(dirname(path), named) === resolve(component);
  if (typeof name === "string" && isIts) return name;
  const message =
    "Say whose component it is to replace: --name <actor's name>, or --of sha256:… of what runs now; no " +
    "manifest.toml beside it names it.";
  throw new TheaterError("bad-request", message);
}

function describe(rows: readonly Row[], differing: number): string {
  if (rows.length === 0) return "no actor runs what this component would replace";
  const columns = ["actor", "name", "turns", "verdict"].map((title) => ({ title }));
  const cells = rows.map(({ actor, name, turns, verdict }) =>
    [actor, name, String(Number(turns["agreed"] ?? 0)), verdict].map(printable),
  );
  const details = rows.flatMap(({ actor, difference, problem }) => {
    if (problem !== null) return [`\n${actor}\n${printable(problem)}`];
    return difference === null ? [] : [`\n${actor}\n${describeDifference(difference)}`];
  });
  const sum =
    differing === 0
      ? `${rows.length} histories would be the same`
      : `${differing} of ${rows.length} histories would be another`;
  return [table(columns, cells), ...details, `\n${sum}`].join("\n");
}
