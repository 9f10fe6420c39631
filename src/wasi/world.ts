// What a standard component's imports may ask of the turn that they run in. It is functions of Theater's own
// handlers, recorded as such: of a WASI call nothing else crosses the sandbox boundary. The rest of WASI is
// plain JavaScript beside the guest, which does the same again in a replay.

import type { Value } from "../chain/value.ts";

export interface World {
  /** A function that the isolate answers, `interface#function`. Throws where the turn is over. */
  here(about: string, args: readonly Value[]): Value;
  /** A function that the host answers. */
  host(about: string, args: readonly Value[]): Promise<Value>;
  /** The turn's clock, ms since the epoch. */
  nowMs(): number;
  /** Ends the turn as a limit does. `code` is recorded. */
  end(code: string, message: string): never;
  /** Whether the response leaves while the turn runs. */
  readonly streams: boolean;
  /** Whether the request is HEAD: then a length says nothing of the body that is there. */
  readonly answersHead: boolean;
}

/** The text of a `result<_, string>` that is an err. */
export function refusalIn(result: Value): string | undefined {
  const { err } = result as { err?: string };
  return err;
}

/** jco's convention: the err of a function's result is thrown, with the value as `payload`. */
export function wasiError(payload?: unknown): Error {
  return Object.assign(new Error("err"), { payload });
}
