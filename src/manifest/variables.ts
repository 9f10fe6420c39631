// What `{{…}}` in a manifest can name: the keys of an initial state that is a JSON object, and above them
// what is given for this start. As in the original, except that the initial state itself stays as it is.

import { toUtf8 } from "../lib/bytes.ts";
import type { ManifestSource } from "./toml.ts";

export function variablesFor(
  manifest: ManifestSource,
  initState: Uint8Array | null,
  given: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const text = typeof manifest === "string" ? manifest : JSON.stringify(manifest);
  if (!text.includes("{{")) return {}; // an initial state of a megabyte is not parsed for nothing
  return { ...jsonObject(initState), ...given };
}

function jsonObject(state: Uint8Array | null): object {
  try {
    const value: unknown = state === null ? {} : JSON.parse(toUtf8(state));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
  } catch {
    return {};
  }
}
