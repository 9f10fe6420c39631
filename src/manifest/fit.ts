// Whether a component and a manifest fit: everything that the component needs stands in the manifest, and
// everything that an actor must have is in the component.

import type { ComponentDescription } from "../executor/wit-type.ts";
import type { Registry } from "../handlers/registry.ts";
import { TheaterError } from "../lib/errors.ts";
import { standardHandler } from "../wasi/standard.ts";
import type { Manifest } from "./manifest.ts";

/** Throws `not-an-actor` or `missing-handler`. */
export function checkFit(
  { handlers }: Pick<Manifest, "handlers">,
  description: ComponentDescription,
  registry: Registry,
): void {
  const lacks = lacksForActor(description, registry);
  if (lacks.length > 0) {
    throw new TheaterError(
      "not-an-actor",
      `The component cannot run as an actor. ${lacks.join(" ")}`,
      { lacks },
    );
  }
  const missing = registry
    .neededGrants(description)
    .filter((name) => !Object.hasOwn(handlers, name));
  if (missing.length > 0) {
    const tables = missing.map(tableOf).join(", ");
    const message = `The component imports what the manifest does not grant: add ${tables}.`;
    throw new TheaterError("missing-handler", message, { missing });
  }
  registry.checkImports(description); // again: handlers may be others than when it was uploaded
}

function tableOf(grant: string): string {
  const [type, name] = /^([^:]+):(.+)$/.exec(grant)?.slice(1) ?? [];
  return name === undefined
    ? `[[handler]] type = "${grant}"`
    : `[[handler]] type = "${type}", interface = "${name}", service = "…"`;
}

const ACTOR = "theater:simple/actor";

/** Full sentences, empty for a component that can be started. */
export function lacksForActor({ exports }: ComponentDescription, registry: Registry): string[] {
  if (standardHandler(exports) !== undefined) return [];
  const driven = registry.handlers.flatMap((handler) => handler.exports);
  const messages = driven.filter((name) => name !== ACTOR);
  const lacks: string[] = [];
  const actor = exports.find(({ name }) => name === ACTOR);
  if (actor?.functions["init"] === undefined) {
    lacks.push(
      `It does not export ${ACTOR} with the function init, which every actor begins with.`,
    );
  }
  if (!exports.some(({ name }) => messages.includes(name))) {
    lacks.push(`It exports none of ${messages.join(", ")}, so no message could ever reach it.`);
  }
  return lacks;
}
