// The composition root of the Worker: the front door and the actors behind it.

import { BUNDLED } from "../build/bundled.js";
import { Bundle } from "./executor/bundle.ts";
import { PURE } from "./handlers/pure/pure.ts";
import { HANDLERS, Registry } from "./handlers/registry.ts";
import { PLUGINS } from "./plugins.ts";
import { Actor as BareActor } from "./runtime/actor.ts";
import type { Environment } from "./runtime/environment.ts";
import { executorOf } from "./runtime/executor-of.ts";
import { Theater } from "./runtime/theater.ts";
import { wakeOverdue } from "./runtime/wake-overdue.ts";
import { createApp } from "./server/app.ts";
import { R2Store } from "./store/r2-store.ts";

const registry = new Registry([...HANDLERS, ...PLUGINS]);
const bundle = new Bundle(BUNDLED, PURE);

export class Actor extends BareActor {
  constructor(state: DurableObjectState, environment: Environment) {
    super(state, environment, { registry, executor: executorOf(environment, registry, bundle) });
  }
}

/** Keeps nothing of a request, so one serves all that come with the same bindings. */
const theaters = new WeakMap<Environment, Theater>();

function theaterOf(environment: Environment): Theater {
  const known = theaters.get(environment);
  if (known !== undefined) return known;
  const content = new R2Store(environment.CONTENT);
  const executor = executorOf(environment, registry, bundle);
  const made = new Theater({ environment, content, executor, registry });
  theaters.set(environment, made);
  return made;
}

const app = createApp(
  theaterOf,
  // A bug's text is for the operator's log; the client sees only its code.
  // oxlint-disable-next-line no-console
  (error) => console.error(error.stack ?? error.message),
);

export default {
  fetch: app.fetch,
  async scheduled(_, environment): Promise<void> {
    await wakeOverdue(environment);
  },
} satisfies ExportedHandler<Environment>;
