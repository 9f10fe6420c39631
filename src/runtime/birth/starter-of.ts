// The starter of a deployment, made of its bindings: the same in the Worker, where operators start actors,
// and in an actor's own object, where an actor starts its children.

import type { Executor } from "../../executor/executor.ts";
import { COMPONENT_BYTES_MAX } from "../../executor/transpile.ts";
import type { Plugins } from "../../handlers/plugins.ts";
import type { Registry } from "../../handlers/registry.ts";
import type { LabelledStores } from "../../store/labels.ts";
import type { ContentStore } from "../../store/store.ts";
import { actorStub, logOf, type Environment } from "../environment.ts";
import { Births } from "./births.ts";
import { Components } from "./components.ts";
import { knownIn } from "./known.ts";
import { References } from "./references.ts";
import { Starter } from "./starter.ts";

interface Given {
  content: ContentStore;
  stores: LabelledStores;
  executor: Executor;
  registry: Registry;
  plugins: Plugins;
}

export function componentsOf(environment: Environment, given: Given): Components {
  return new Components({ ...given, db: environment.LEDGER, known: knownIn(environment) });
}

export function starterOf(
  environment: Environment,
  given: Given,
  components = componentsOf(environment, given),
): Starter {
  return new Starter({
    ...given,
    log: logOf(environment),
    known: knownIn(environment),
    births: new Births(environment.LEDGER),
    references: referencesOf(environment, given, components),
    actor: (id) => actorStub(environment, id),
  });
}

export function referencesOf(
  environment: Environment,
  { content, stores }: Given,
  components: Components,
): References {
  return new References({
    components,
    stores,
    content,
    remote: { allowLocal: environment.FETCH_LOCAL === "1", bytesMax: COMPONENT_BYTES_MAX },
  });
}
