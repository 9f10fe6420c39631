// A manifest as text. The server and the command line read it with the same code.

import { parse, stringify } from "smol-toml";
import { badKey } from "./refusal.ts";
import { TheaterError } from "../lib/errors.ts";

/** TOML text, or the same as a JSON object. */
export type ManifestSource = string | Record<string, unknown>;

/** Throws `bad-manifest` for what is not TOML. */
export function readTable(source: ManifestSource): Record<string, unknown> {
  const table = typeof source === "string" ? parseToml(source) : source;
  refuseProto(table, { key: "", depth: 0 });
  return table;
}

/**
 * The manifest as genesis commits to it: TOML, with variables replaced, the component's digest in place of
 * its reference, the digests of its children's manifests in place of theirs, by name, and without the initial
 * state, which is a parameter of the first turn and can be erased.
 */
export function resolvedManifest(
  table: Record<string, unknown>,
  { component, children }: { component: string; children?: ReadonlyMap<string, string> },
): string {
  const { init_state: _, child, ...rest } = table;
  if (!Array.isArray(child)) return stringify({ ...rest, component });
  const pinned = (child as readonly Record<string, unknown>[]).map((each) => ({
    ...each,
    manifest: children?.get(String(each["name"])) ?? each["manifest"],
  }));
  return stringify({ ...rest, component, child: pinned });
}

function parseToml(text: string): Record<string, unknown> {
  try {
    return parse(text);
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    throw new TheaterError("bad-manifest", `The manifest is not valid TOML: ${message}`);
  }
}

/** Tables within one another; deeper ones are refused by their keys anyway. */
const DEPTH_MAX = 16;

/** zod drops a key of this name silently, and a grant that is silently dropped is no refusal. */
function refuseProto(value: unknown, { key, depth }: { key: string; depth: number }): void {
  if (typeof value !== "object" || value === null || depth > DEPTH_MAX) return;
  if (Object.hasOwn(value, "__proto__")) {
    const where = key === "" ? "the manifest" : key;
    const message = `Unknown key "__proto__" in ${where}: remove it.`;
    throw badKey(key === "" ? "__proto__" : `${key}.__proto__`, { message });
  }
  for (const [name, inner] of Object.entries(value)) {
    refuseProto(inner, { key: key === "" ? name : `${key}.${name}`, depth: depth + 1 });
  }
}
