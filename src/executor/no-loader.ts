// The executor of a deployment without a Worker Loader, for all that is not bundled with it: it refuses.

import { TheaterError } from "../lib/errors.ts";
import type { Executor } from "./executor.ts";

export function noLoader(): TheaterError {
  return new TheaterError(
    "no-loader",
    "This deployment has no Worker Loader: bind LOADER, or bundle the component (`theater bundle`) and deploy again.",
  );
}

const refuse = (): Promise<never> => Promise.reject(noLoader());

export const NO_LOADER: Executor = {
  bundled: [],
  loads: false,
  transpile: refuse,
  run: refuse,
  runBatch: refuse,
  runScripted: refuse,
};
