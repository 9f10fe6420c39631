// `theater replay`: has an actor's recorded turns run again, part by part, by its server or, from an exported file,
// here; and shows the first difference with both sides.

import { isActorId } from "../chain/actor-id.ts";
import { TheaterError } from "../lib/errors.ts";
import { actorPath } from "./actors.ts";
import { askJson } from "./client.ts";
import type { Context } from "./context.ts";
import { ManifestUpload } from "./manifest-upload.ts";
import { rehearsalQuery, replayAll } from "./regression.ts";
import { replayParts } from "./replay-parts.ts";
import { replayTree } from "./replay-tree.ts";
import { describe } from "./replay-report.ts";
import { kindOf } from "./verify.ts";
import { DIFFERENCE, VERIFIED, type VerifyOptions } from "./verify-report.ts";

export interface ReplayOptions extends Omit<VerifyOptions, "after"> {
  /** A file that says how far an earlier run came. */
  progress?: string;
  /** A file: the component that runs instead of the recorded one. */
  component?: string;
  /** A file: ms of one part. */
  every?: number;
  /** With all that is below the actor. */
  tree?: true;
  /** All actors that it would replace the component of. */
  all?: true;
  name?: string;
  of?: string;
  /** Where to begin with another component: an event, or a time, ms since the epoch. */
  from?: number;
  since?: number;
}

/** The exit code: 3 where a turn diverged or the chain is broken. */
export async function replay(
  context: Context,
  what: string | undefined,
  options: ReplayOptions,
): Promise<number> {
  if (options.all === true) return await all(context, what, options);
  if (what === undefined || options.name !== undefined || options.of !== undefined) {
    const message = "Say what to replay: an actor, a file, or --all with --component.";
    throw new TheaterError("bad-request", message);
  }
  if (options.tree === true) {
    const { json: _, tree: __, ...others } = { json: null, ...options };
    if (isActorId(what) && Object.keys(others).length === 0) return await replayTree(context, what);
    const message = "Give --tree with an actor, and no other option.";
    throw new TheaterError("bad-request", message);
  }
  if (!isActorId(what)) {
    return await ofFile(context, what, options);
  }
  const { head, checkpoint, every, component, progress } = options;
  if ([head, checkpoint, every].some((given) => given !== undefined)) {
    const message = "Give --every, --head and --checkpoint only with a file.";
    throw new TheaterError("bad-request", message);
  }
  if (component === undefined && (options.from ?? options.since) !== undefined) {
    const message =
      "Give --from and --since with --component: a chain by itself is replayed as a whole.";
    throw new TheaterError("bad-request", message);
  }
  const { connection, output } = context;
  const digest =
    component === undefined ? null : await new ManifestUpload(context).component(component);
  const report = await replayParts(
    output,
    {
      actor: what,
      component: digest,
      range: digest === null ? {} : options,
      async part(cursor) {
        const query =
          digest === null ? plainQuery(cursor) : rehearsalQuery(digest, options, cursor);
        return await askJson(connection, "POST", `${actorPath(what)}/chain/replay${query}`);
      },
    },
    progress,
  );
  output.show(report, () => describe(report));
  return report["verdict"] === "verified" ? VERIFIED : DIFFERENCE;
}

async function ofFile(context: Context, path: string, options: ReplayOptions): Promise<number> {
  const { from, since } = options;
  if (from !== undefined || since !== undefined) {
    const message = "Give --from and --since only with an actor: a file is replayed as a whole.";
    throw new TheaterError("bad-request", message);
  }
  if ((await kindOf(path)) === "car") {
    // With it come a bundler and a runtime, which a replay on the server does without.
    const { replayFile } = await import("./replay-file.ts");
    return await replayFile(context, path, options);
  }
  const message = "Replay an exported .car: no other file has the component in it.";
  throw new TheaterError("bad-request", message);
}

async function all(
  context: Context,
  what: string | undefined,
  { component, ...options }: ReplayOptions,
): Promise<number> {
  if (component !== undefined && what === undefined) {
    return await replayAll(context, { ...options, component });
  }
  const message =
    "Give --component with --all, and no actor: what is it that would replace theirs?";
  throw new TheaterError("bad-request", message);
}

function plainQuery(cursor: string | null): string {
  return cursor === null ? "" : `?cursor=${encodeURIComponent(cursor)}`;
}
