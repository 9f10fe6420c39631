// Between JSON as the call route has it (src/executor/wit-json.ts) and what the tools actor sends and gets:
// JavaScript's names and shapes, bytes as `{"$bytes": latin1}`.

import type { WitType } from "../../src/executor/wit-type.ts";

const camel = (name: string): string =>
  name.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

const isBytes = (type: WitType): boolean =>
  typeof type !== "string" && "list" in type && type.list === "u8";

/** One conversion for both directions: `to` the guest, or from it. */
function convert(type: WitType, json: unknown, to: boolean): unknown {
  if (typeof type === "string") return json;
  if (isBytes(type)) return to ? { $bytes: atob(json as string) } : btoa((json as Bytes).$bytes);
  if ("alias" in type) return json;
  if ("option" in type) return json === null ? null : convert(type.option, json, to);
  if ("list" in type) return (json as unknown[]).map((one) => convert(type.list, one, to));
  if ("tuple" in type) {
    return (json as unknown[]).map((one, at) => convert(type.tuple[at] ?? "bool", one, to));
  }
  if ("record" in type) {
    const from = json as Record<string, unknown>;
    const fields = type.record.map(([name, field]) => {
      const [theirs, ours] = to ? [name, camel(name)] : [camel(name), name];
      return [ours, convert(field, from[theirs] ?? null, to)];
    });
    return Object.fromEntries(fields);
  }
  if ("variant" in type) return to ? toCase(type.variant, json) : fromCase(type.variant, json);
  return json;
}

interface Bytes {
  $bytes: string;
}

type Cases = readonly (readonly [name: string, type: WitType | null])[];

function toCase(cases: Cases, json: unknown): unknown {
  if (typeof json === "string") return { tag: json };
  const [[tag, payload] = ["", null]] = Object.entries(json as object);
  const type = cases.find(([name]) => name === tag)?.[1] ?? null;
  return { tag, val: type === null ? null : convert(type, payload, true) };
}

function fromCase(cases: Cases, guest: unknown): unknown {
  const { tag, val } = guest as { tag: string; val: unknown };
  const type = cases.find(([name]) => name === tag)?.[1] ?? null;
  return type === null ? tag : { [tag]: convert(type, val, false) };
}

export const toGuest = (type: WitType, json: unknown): unknown => convert(type, json, true);
export const fromGuest = (type: WitType, json: unknown): unknown => convert(type, json, false);
