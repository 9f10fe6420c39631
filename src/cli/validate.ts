// `theater validate`: everything about a manifest that can be known without a server. It says what the actor
// may do in the words of its handlers, which is what a person has to agree to.

import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { Value } from "../chain/value.ts";
import { describeComponent } from "../executor/describe-component.ts";
import type { Registry } from "../handlers/registry.ts";
import { fromUtf8 } from "../lib/bytes.ts";
import { TheaterError } from "../lib/errors.ts";
import { checkFit } from "../manifest/fit.ts";
import type { Grants } from "../manifest/handler-tables.ts";
import { readManifest, type Manifest } from "../manifest/manifest.ts";
import { permissionsAtBirth } from "../manifest/permissions.ts";
import { variablesFor } from "../manifest/variables.ts";
import { localRegistry } from "./local-registry.ts";
import { isReference, readTableOf, readText, readVariables, stateInFile } from "./manifest-file.ts";
import { readArgument } from "./messages.ts";
import { fields, printable } from "./output.ts";
import type { Context } from "./program.ts";
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
  const tables = readTableOf(await readText(file), file)["handler"];
  const registry = await localRegistry(dirname(file), tables);
  const sentences = sentencesIn(registry);
  const manifest = await readWhole(file, options, registry);
  const digest = await checkComponent(manifest, dirname(file), registry);
  const { held, inheritable } = permissionsAtBirth(manifest, null, registry);
  const { name, version, component, limits } = manifest;
  const valid = { valid: true, name, version, component: digest ?? component, limits };
  output.show(
    { ...valid, checked: digest !== null, may: shown(held), children: shown(inheritable) },
    () =>
      [
        `${name} ${printable(version)} is valid. It may:`,
        sentences(held),
        "",
        JSON.stringify(shown(held)) === JSON.stringify(shown(inheritable))
          ? "Its children may have as much."
          : `Its children may have at most:\n${sentences(inheritable)}`,
      ].join("\n"),
  );
  if (digest === null) {
    output.note(`the component is not here, so nobody looked at it: ${component}`);
  }
}

async function readWhole(
  file: string,
  options: StartOptions,
  registry: Registry,
): Promise<Manifest> {
  const text = await readText(file);
  const named = readTableOf(text, file)["init_state"];
  const state =
    options.initState === undefined
      ? ((await stateInFile(named, dirname(file))) ??
        (typeof named === "string" ? fromUtf8(named) : null))
      : await readArgument(options.initState);
  const given = options.variables === undefined ? {} : await readVariables(options.variables);
  return readManifest(text, registry, variablesFor(text, state, given)).manifest;
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
