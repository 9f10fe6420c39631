// `{{…}}` in a manifest's texts: a variable by its path, or `{{default path "otherwise"}}`. Variables are put
// into the parsed texts, never into TOML, so that no value of one can add a key or a grant.
//
// Rule: the same manifest with the same variables is always the same manifest; what is not given and has no
// default is an error, because a text that silently became empty could be a permission.

import { fromUtf8 } from "../lib/bytes.ts";
import { badKey } from "./refusal.ts";

/** Bytes of all texts that substitution makes of one manifest. */
export const RENDERED_BYTES_MAX = 256 * 1024;
/** Tables and lists within one another; TOML that nests deeper was refused before. */
const DEPTH_MAX = 64;

/** `\{{` stands for `{{` itself; three braces are two that escape nothing, and nothing is escaped here. */
const EXPRESSION = /\\\{\{|\{\{\{([^{}]*)\}\}\}|\{\{([^{}]*)\}\}/g;
const ALONE = /^(?:\{\{\{([^{}]*)\}\}\}|\{\{([^{}]*)\}\})$/;
/** `a.b`, `a.[0].b`, `a.0.b`. */
const PATH = String.raw`[\w-]+(?:\.(?:[\w-]+|\[\d{1,6}\]))*`;
const VARIABLE = new RegExp(`^\\s*(${PATH})\\s*$`);
const DEFAULTED = new RegExp(
  String.raw`^\s*default\s+(${PATH})\s+(?:"([^"]*)"|'([^']*)'|(-?\d{1,15}|true|false))\s*$`,
);

/**
 * The table with every expression in its texts replaced. A text that is one expression alone takes the
 * variable as it is, a number or a list included. Keys of `exempt` are left alone. Throws `bad-manifest`.
 */
export function substitute(
  table: Record<string, unknown>,
  variables: unknown,
  exempt: readonly string[],
): Record<string, unknown> {
  const rendering = { variables, bytes: 0 };
  const entries = Object.entries(table).map(([key, value]): [string, unknown] => [
    key,
    exempt.includes(key) ? value : rendered(value, rendering, { key, depth: 0 }),
  ]);
  return Object.fromEntries(entries);
}

interface Rendering {
  readonly variables: unknown;
  bytes: number;
}

interface Place {
  /** Path of the value in the manifest. */
  readonly key: string;
  readonly depth: number;
}

function rendered(value: unknown, rendering: Rendering, { key, depth }: Place): unknown {
  if (typeof value === "string") return renderedText(value, rendering, key);
  if (depth >= DEPTH_MAX) throw badKey(key, { message: `${key}: the tables are nested too deep.` });
  const inner = (each: unknown, name: string | number): unknown =>
    rendered(each, rendering, { key: `${key}.${name}`, depth: depth + 1 });
  if (Array.isArray(value)) return value.map(inner);
  if (!isTable(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, inner(each, name)]));
}

function renderedText(text: string, rendering: Rendering, key: string): unknown {
  if (!text.includes("{{")) return text;
  const [, bare, plain] = ALONE.exec(text) ?? [];
  const alone = bare ?? plain;
  if (alone !== undefined) return counted(valueOf(alone, rendering, key), rendering, key);
  return text.replaceAll(EXPRESSION, (_, three: string | undefined, two: string | undefined) => {
    const expression = three ?? two;
    if (expression === undefined) return "{{";
    const value = valueOf(expression, rendering, key);
    if (typeof value === "object") {
      const message = `${key}: {{${expression.trim()}}} is no text: write it alone in its quotes.`;
      throw badKey(key, { message });
    }
    return String(counted(value, rendering, key));
  });
}

function valueOf(expression: string, { variables }: Rendering, key: string): unknown {
  const [, path, double, single, plain] = DEFAULTED.exec(expression) ?? [];
  const wanted = path ?? VARIABLE.exec(expression)?.[1];
  if (wanted === undefined) {
    const message =
      `${key}: {{${expression.slice(0, 80)}}} is no expression: write {{name}}, {{name.inner}}, ` +
      `{{list.[0]}} or {{default name "otherwise"}}.`;
    throw badKey(key, { message });
  }
  const found = lookUp(variables, wanted);
  if (found !== undefined && found !== null) {
    if (isPlain(found) || (Array.isArray(found) && found.every(isPlain))) return found;
    const message = `${key}: the variable "${wanted}" is a table: name a text, number or list in it.`;
    throw badKey(key, { message, found: wanted });
  }
  if (path === undefined) {
    const message = `${key}: there is no variable "${wanted}": give one, or write {{default ${wanted} "…"}}.`;
    throw badKey(key, { message, found: wanted });
  }
  return plain === undefined ? (double ?? single) : (JSON.parse(plain) as unknown);
}

function lookUp(variables: unknown, path: string): unknown {
  let value = variables;
  for (const step of path.split(".")) {
    const name = step.replaceAll(/[[\]]/g, "");
    if (Array.isArray(value) && !/^\d+$/.test(name)) return undefined;
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) {
      return undefined;
    }
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

function counted(value: unknown, rendering: Rendering, key: string): unknown {
  rendering.bytes += fromUtf8(typeof value === "string" ? value : JSON.stringify(value)).length;
  if (rendering.bytes <= RENDERED_BYTES_MAX) return value;
  const message = `${key}: the variables make the manifest larger than ${RENDERED_BYTES_MAX} bytes.`;
  throw badKey(key, { message });
}

/** Nothing that has keys: a table could bring a grant along. */
function isPlain(value: unknown): boolean {
  return ["string", "number", "boolean"].includes(typeof value);
}

function isTable(value: unknown): value is Record<string, unknown> {
  const prototype: unknown =
    typeof value === "object" && value !== null ? Object.getPrototypeOf(value) : undefined;
  return prototype === Object.prototype || prototype === null; // not a TOML date
}
