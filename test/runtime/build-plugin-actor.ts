// Builds the actor of the tests about plug-ins, once: it is kept as long as its sources stay as they are.

import { buildActor } from "../../src/cli/build-actor.ts";

export async function setup(): Promise<void> {
  await buildActor("test/runtime/plugin-actor");
}
