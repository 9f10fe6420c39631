// `theater replay`: has an actor's recorded turns run again, part by part, by its server or, from an exported file,
// here; and shows the first difference with both sides.

import { isActorId } from "../chain/actor-id.ts";
import { TheaterError } from "../lib/errors.ts";
import { actorPath } from "./actors.ts";
import { askJson } from "./client.ts";
import type { Context } from "./context.ts";
import { replayFile } from "./replay-file.ts";
import { replayParts } from "./replay-parts.ts";
import { describe } from "./replay-report.ts";
import { kindOf } from "./verify.ts";
import { DIFFERENCE, VERIFIED, type VerifyOptions } from "./verify-report.ts";

export interface ReplayOptions extends Omit<VerifyOptions, "after"> {
  /** A file that says how far an earlier run came. */
  progress?: string;
  /** A file: the component that runs instead of the recorded one. */
  component?: string;
}

/** The exit code: 3 where a turn diverged or the chain is broken. */
export async function replay(
  context: Context,
  what: string,
  options: ReplayOptions,
): Promise<number> {
  if (!isActorId(what)) {
    if ((await kindOf(what)) === "car") return await replayFile(context, what, options);
    const message = "Replay an exported .car: no other file has the component in it.";
    throw new TheaterError("bad-request", message);
  }
  const { head, checkpoint, component, progress } = options;
  if ([head, checkpoint, component].some((given) => given !== undefined)) {
    const message = "Give --head, --checkpoint and --component only with a file.";
    throw new TheaterError("bad-request", message);
  }
  const { connection, output } = context;
  const report = await replayParts(
    output,
    {
      actor: what,
      component: null,
      async part(cursor) {
        const query = cursor === null ? "" : `?cursor=${encodeURIComponent(cursor)}`;
        return await askJson(connection, "POST", `${actorPath(what)}/chain/replay${query}`);
      },
    },
    progress,
  );
  output.show(report, () => describe(report));
  return report["verdict"] === "verified" ? VERIFIED : DIFFERENCE;
}
