// What runs components in a deployment: the Loader where it is bound, and before it what is bundled with the Worker.

import type { Bundle } from "../executor/bundle.ts";
import { BundledExecutor } from "../executor/bundled-executor.ts";
import type { Executor } from "../executor/executor.ts";
import { LoaderExecutor } from "../executor/loader-executor.ts";
import { NO_LOADER } from "../executor/no-loader.ts";
import type { Registry } from "../handlers/registry.ts";
import type { Environment } from "./environment.ts";

export function executorOf(
  { LOADER, BUNDLED }: Environment,
  { isPure }: Registry,
  bundle: Bundle,
): Executor {
  const others = LOADER === undefined ? NO_LOADER : new LoaderExecutor(LOADER, isPure);
  if (bundle.sets.length === 0 || BUNDLED === "off") return others;
  return new BundledExecutor(bundle, others, isPure);
}
