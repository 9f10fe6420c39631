// `theater validate`: everything about a manifest that can be known without a server. It says what the actor
// may do in the words of its handlers, which is what a person has to agree to.

import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { Value } from "../chain/value.ts";
import { describeComponent } from "../executor/describe-component.ts";
import type { Registry } from "../handlers/registry.ts";
import { fromUtf8 } from "../lib/bytes.ts";
import { ensureTheaterError, TheaterError } from "../lib/errors.ts";
import { checkFit } from "../manifest/fit.ts";
import type { Grants } from "../manifest/handler-tables.ts";
import { readManifest, type Manifest } from "../manifest/manifest.ts";
import { permissionsAtBirth, type Permissions } from "../manifest/permissions.ts";
import { variablesFor } from "../manifest/variables.ts";
import { childFile, Lineage, type Way } from "./lineage.ts";
import { localRegistry } from "./local-registry.ts";
import { isReference, readTableOf, readText, readVariables, stateInFile } from "./manifest-file.ts";
import { readArgument } from "./messages.ts";
import { fields, printable } from "./output.ts";
import type { Context } from "./context.ts";
import type { StartOptions } from "./start.ts";

/** Throws what the server would refuse it with. `path` is a manifest or the folder of one. */
export async function validate(
  { output }: Context,
  path: string,
  options: StartOptions,
): Promise<void> {
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  const file = isFolder ? join(path, "manifest.toml") : path;
  const initState =
    options.initState === undefined ? undefined : await readArgument(options.initState);
  const variables = options.variables === undefined ? {} : await readVariables(options.variables);
  const { manifest, registry, permissions, digest, supervises } = await checkFile(
    { file, initState, variables },
    { parent: null, way: [], lineage: new Lineage() },
  );
  const sentences = sentencesIn(registry);
  const { held, inheritable } = permissions;
  const { name, version, component, limits } = manifest;
  const valid = { valid: true, name, version, component: digest ?? component, limits };
  const may = { may: shown(held), children: shown(inheritable) };
  output.show({ ...valid, checked: digest !== null, ...may, supervises }, () =>
    [
      `${name} ${printable(version)} is valid. It may:`,
      sentences(held),
      "",
      JSON.stringify(may.may) === JSON.stringify(may.children)
        ? "Its children may have as much."
        : `Its children may have at most:\n${sentences(inheritable)}`,
      ...(supervises.length === 0 ? [] : ["", "It starts:", ...childLines(supervises, "  ")]),
    ].join("\n"),
  );
  if (digest === null) {
    output.note(`the component is not here, so nobody looked at it: ${component}`);
  }
}

/** A manifest, and what is known where it stands in a tree of them. */
interface Given {
  file: string;
  /** Instead of the manifest's. */
  initState: Uint8Array | undefined;
  variables: Readonly<Record<string, unknown>>;
}

interface Place {
  parent: { id: string; permissions: Permissions } | null;
  way: Way;
  lineage: Lineage;
}

interface Checked {
  manifest: Manifest;
  registry: Registry;
  permissions: Permissions;
  /** Null for a component that only the server can find. */
  digest: string | null;
  supervises: CheckedChild[];
}

interface CheckedChild {
  child: string;
  restart: string;
  /** As written. */
  manifest: string;
  /** Null for a manifest that only the server can find: nobody looked at it. */
  name: string | null;
  supervises: CheckedChild[];
}

async function checkFile(given: Given, { parent, way, lineage }: Place): Promise<Checked> {
  const { file } = given;
  const text = await readText(file);
  const table = readTableOf(text, file);
  const registry = await localRegistry(dirname(file), table["handler"]);
  const state = given.initState ?? (await stateNamed(table["init_state"], file));
  const variables = variablesFor(text, state, given.variables);
  const { manifest } = readManifest(text, registry, variables);
  const digest = await checkComponent(manifest, dirname(file), registry);
  const permissions = permissionsAtBirth(manifest, parent, registry);
  const below = { parent: { id: manifest.name, permissions }, lineage };
  const here = await lineage.enter(file, way);
  const supervises = await checkChildren(manifest, file, { ...below, way: here });
  return { manifest, registry, permissions, digest, supervises };
}

async function checkChildren(
  { supervision: { spec, sources } }: Manifest,
  file: string,
  place: Place,
): Promise<CheckedChild[]> {
  const checked: CheckedChild[] = [];
  for (const { id: child, restart } of spec.children) {
    const { manifest = "", initState = null } = sources.get(child) ?? {};
    const found = await childFile(manifest, file);
    const known = { child, restart, manifest };
    if (found === undefined) {
      checked.push({ ...known, name: null, supervises: [] });
      continue;
    }
    const state =
      initState === null ? undefined : ((await stateNamed(initState, file)) ?? undefined);
    const given = { file: found, initState: state, variables: {} };
    const one = await checkFile(given, place).catch((thrown: unknown) => {
      const { code, message, evidence } = ensureTheaterError(thrown);
      throw new TheaterError(code, `[[child]] "${child}": ${message}`, { ...evidence });
    });
    checked.push({ ...known, name: one.manifest.name, supervises: one.supervises });
  }
  return checked;
}

function childLines(children: readonly CheckedChild[], indent: string): string[] {
  return children.flatMap(({ child, restart, manifest, name, supervises }) => [
    `${indent}${child}  ${restart}  ${printable(manifest)}${name === null ? "  (nobody looked at it)" : ""}`,
    ...childLines(supervises, `${indent}  `),
  ]);
}

/** What an `init_state` stands for; null for what only the server can find. */
async function stateNamed(named: unknown, file: string): Promise<Uint8Array | null> {
  if (typeof named !== "string" || named.startsWith("store://")) return null;
  return (await stateInFile(named, dirname(file))) ?? fromUtf8(named);
}

/** The digest of a component that is a file; null for one that only the server can find. */
async function checkComponent(
  manifest: Manifest,
  folder: string,
  registry: Registry,
): Promise<string | null> {
  const { component } = manifest;
  if (isReference(component)) return null;
  const bytes = await readFile(resolve(folder, component)).catch(() => {
    const message = `There is no ${resolve(folder, component)}: build it first, with theater build ${folder}.`;
    throw new TheaterError("bad-manifest", message, { key: "component" });
  });
  const description = describeComponent(bytes);
  registry.checkImports(description);
  checkFit(manifest, description, registry);
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** As JSON: integers beyond 2^53 are texts. */
function shown(grants: Grants): unknown {
  return JSON.parse(
    JSON.stringify(grants, (_, value: unknown) =>
      typeof value === "bigint" ? value.toString() : value,
    ),
  );
}

const sentencesIn =
  (registry: Registry) =>
  (grants: Grants): string => {
    const lines = Object.entries(grants).map(([type, grant]): [string, string] => [
      `  ${type}`,
      [registry.find(type)?.may ?? "use this handler", ...settings(grant)].join("; "),
    ]);
    return lines.length === 0 ? "  nothing but compute" : fields(lines);
  };

/** What the handler's keys leave of it, as the manifest spells them. */
function settings(grant: Value): string[] {
  return Object.entries((grant ?? {}) as Record<string, Value>).map(([key, value]) => {
    const name = key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    return `${name} ${printable(textOf(value))}`;
  });
}

function textOf(value: Value): string {
  if (Array.isArray(value)) {
    return value.length === 0 ? "none" : (value as readonly Value[]).map(textOf).join(", ");
  }
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "object" ? JSON.stringify(shown({ value })) : String(value);
}
