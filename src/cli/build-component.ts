// A bundle and its world → a component. componentize-qjs 0.4.5 gives different bytes each time, because its
// snapshot of the engine holds hash seeds from the clock and the system's randomness. So every component
// carries the digest of what it was made of, and whoever has one of the same sources keeps it.

import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { componentize } from "componentize-qjs";
import { concat, equalBytes, fromUtf8 } from "../lib/bytes.ts";
import { TheaterError } from "../lib/errors.ts";
import { writePluginWit, type PluginWit } from "./build-wit.ts";
import { witFiles, writeWorld } from "./build-world.ts";

export interface ComponentSource {
  /** One ES module. */
  readonly code: string;
  /** The text of a WIT package with one world. */
  readonly world: string;
  /** What the world imports besides Theater's own interfaces. */
  readonly wit?: PluginWit;
}

/** Throws bad-component. */
export async function makeComponent(source: ComponentSource): Promise<Uint8Array> {
  const dir = await mkdtemp(join(tmpdir(), "theater-build-"));
  try {
    await writeWorld(dir, source.world);
    if (source.wit !== undefined) await writePluginWit(dir, source.wit);
    const { component } = await componentize({
      witPath: dir,
      jsSource: source.code,
      sync: true, // the host suspends the whole component; the guest needs no async
      stubWasi: true, // nothing but the granted interfaces is imported
      optSize: false, // 0.1 MB more when compressed, and a chess move takes 5 ms instead of 7.5
    });
    return concat([component, await sourceMark(source)]);
  } catch (thrown) {
    throw explain(thrown instanceof Error ? thrown.message : String(thrown), dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Whether `component` came from `makeComponent` with this source, these interfaces and this version. */
export async function isMadeOf(component: Uint8Array, source: ComponentSource): Promise<boolean> {
  const mark = await sourceMark(source);
  return component.length > mark.length && equalBytes(component.subarray(-mark.length), mark);
}

/** The module is evaluated while the component is made, in an engine without a host. */
function explain(message: string, dir: string): TheaterError {
  const call = /unknown import: `([^`]+)`/.exec(message)?.[1];
  if (call !== undefined) {
    return new TheaterError(
      "bad-component",
      `the code calls ${call} while it is loaded: move the call into a handler, nobody answers before`,
    );
  }
  const thrown = /module evaluation: (.*)/.exec(message)?.[1];
  if (thrown !== undefined) {
    return new TheaterError("bad-component", `the code throws while it is loaded: ${thrown}`);
  }
  const reason = message
    .replace(/^failed to resolve directory while parsing WIT for path \[[^\]]*\]: /, "")
    .replace(`failed to parse package: ${dir}: `, "")
    .replaceAll(/\s+/g, " ");
  return new TheaterError("bad-component", `the component cannot be made: ${reason.trim()}`);
}

const MARK = fromUtf8("theater:source");

/** A custom section at the component's end. */
async function sourceMark({ code, world, wit }: ComponentSource): Promise<Uint8Array> {
  const { version } = createRequire(import.meta.url)("componentize-qjs/package.json") as {
    version: string;
  };
  const texts = (await witFiles()).map(({ path }) => readFile(path, "utf8"));
  const theirs = (wit?.files ?? []).flatMap(({ place, text }) => [place, text]);
  const hash = createHash("sha256");
  for (const part of [version, code, world, ...(await Promise.all(texts)), ...theirs]) {
    hash.update(`${part.length}\n${part}`);
  }
  const content = concat([Uint8Array.of(MARK.length), MARK, hash.digest()]);
  return concat([Uint8Array.of(0, content.length), content]); // both lengths are below 128: one byte
}
