// Whether a component and a manifest fit: everything that the component needs stands in the manifest, and
// everything that an actor must have is in the component.

import type { ComponentDescription } from "../executor/wit-type.ts";
import { HANDLERS, neededHandlers } from "../handlers/registry.ts";
import { TheaterError } from "../lib/errors.ts";
import type { Manifest } from "./manifest.ts";

/** Throws `not-an-actor` or `missing-handler`. */
export function checkFit({ handlers }: Manifest, description: ComponentDescription): void {
  const lacks = lacksForActor(description);
  if (lacks.length > 0) {
    throw new TheaterError(
      "not-an-actor",
      `The component cannot run as an actor. ${lacks.join(" ")}`,
      { lacks },
    );
  }
  const missing = neededHandlers(description).filter((type) => !Object.hasOwn(handlers, type));
  if (missing.length > 0) {
    const tables = missing.map((type) => `[[handler]] type = "${type}"`).join(", ");
    const message = `The component imports what the manifest does not grant: add ${tables}.`;
    throw new TheaterError("missing-handler", message, { missing });
  }
}

const ACTOR = "theater:simple/actor";
const DRIVEN = HANDLERS.flatMap(({ exports }) => exports).filter((name) => name !== ACTOR);

/** Full sentences, empty for a component that can be started. */
export function lacksForActor({ exports }: ComponentDescription): string[] {
  const lacks: string[] = [];
  const actor = exports.find(({ name }) => name === ACTOR);
  if (actor?.functions["init"] === undefined) {
    lacks.push(
      `It does not export ${ACTOR} with the function init, which every actor begins with.`,
    );
  }
  if (!exports.some(({ name }) => DRIVEN.includes(name))) {
    lacks.push(`It exports none of ${DRIVEN.join(", ")}, so no message could ever reach it.`);
  }
  return lacks;
}
