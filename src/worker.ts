// The composition root of the Worker: the front door and the actors behind it.

import { LoaderExecutor } from "./executor/loader-executor.ts";
import { HANDLERS, Registry } from "./handlers/registry.ts";
import { PLUGINS } from "./plugins.ts";
import { Actor as BareActor } from "./runtime/actor.ts";
import type { Environment } from "./runtime/environment.ts";
import { Theater } from "./runtime/theater.ts";
import { wakeOverdue } from "./runtime/wake-overdue.ts";
import { createApp } from "./server/app.ts";
import { R2Store } from "./store/r2-store.ts";

const registry = new Registry([...HANDLERS, ...PLUGINS]);

export class Actor extends BareActor {
  constructor(state: DurableObjectState, environment: Environment) {
    super(state, environment, registry);
  }
}

const app = createApp(
  (environment: Environment) =>
    new Theater({
      environment,
      content: new R2Store(environment.CONTENT),
      executor: new LoaderExecutor(environment.LOADER, registry.isPure),
      registry,
    }),
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
