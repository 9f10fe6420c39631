// Values whose long parts were moved out of a payload, made whole again. A link says which bytes they
// were; only the WIT type says whether they were a text.

import { Link, type Value } from "../chain/value.ts";
import { toUtf8 } from "../lib/bytes.ts";
import type { WitType } from "./wit-type.ts";

/** Gives the raw block of a link; throws where nobody has it. */
export type LinkReader = (link: Link) => Promise<Uint8Array>;

/** `value` by its WIT type, with the content of every link to a raw block in place of the link. */
export async function withoutLinks(
  type: WitType | null | undefined,
  value: Value,
  read: LinkReader,
): Promise<Value> {
  if (value instanceof Link) {
    const bytes = await read(value);
    return isText(type) ? toUtf8(bytes) : bytes;
  }
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) {
    const parts: Value[] = [];
    for (const [index, part] of (value as readonly Value[]).entries()) {
      parts.push(await withoutLinks(partOf(type, index), part, read));
    }
    return parts;
  }
  const fields: Record<string, Value> = {};
  for (const [name, part] of Object.entries(value as { readonly [key: string]: Value })) {
    fields[name] = await withoutLinks(partOf(type, name), part, read);
  }
  return fields;
}

function isText(type: WitType | null | undefined): boolean {
  if (typeof type !== "object" || type === null) return type === "string";
  return "alias" in type && type.alias === "string";
}

/** The type of a part, by its place in a list or its name in a map. */
function partOf(
  type: WitType | null | undefined,
  key: number | string,
): WitType | null | undefined {
  if (typeof type !== "object" || type === null) return undefined;
  if ("list" in type) return type.list;
  if ("option" in type) return type.option;
  if ("tuple" in type) return type.tuple[Number(key)];
  if ("result" in type) return key === "ok" ? type.result.ok : type.result.err;
  if ("record" in type) return type.record.find(([name]) => name === key)?.[1];
  if ("variant" in type) return type.variant.find(([name]) => name === key)?.[1];
  return undefined;
}
