// Builds the actor that runs programs, once: it is kept as long as its sources stay as they are.

import { buildActor } from "../../src/cli/build-actor.ts";

export async function setup(): Promise<void> {
  await buildActor("test/runtime/program-actor");
}
