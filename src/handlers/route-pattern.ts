// The paths of routes and middlewares: `/entries/{id}`, `/files/{*path}`, `/assets/*`. Pure, so that the same
// table always sends the same request to the same place, in whatever order it was made.
//
// Rule: of several patterns that fit, the most specific wins, segment by segment: a text before a parameter
// before a rest.

/** Characters of one pattern. */
const PATTERN_CHARS_MAX = 1_024;
/** Segments of one pattern. */
const SEGMENTS_MAX = 32;

type Segment =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "parameter"; readonly name: string }
  /** All that is left; unnamed, it may be nothing. */
  | { readonly kind: "rest"; readonly name: string };

export type Pattern = readonly Segment[];

/** `:name` and `*name` as axum 0.7 spells it, `{name}` and `{*name}` as 0.8 does. */
const SPELLINGS: readonly (readonly [RegExp, "parameter" | "rest"])[] = [
  [/^\{([A-Za-z_][A-Za-z0-9_-]*)\}$/, "parameter"],
  [/^:([A-Za-z_][A-Za-z0-9_-]*)$/, "parameter"],
  [/^\{\*([A-Za-z_][A-Za-z0-9_-]*)\}$/, "rest"],
  [/^\*([A-Za-z_][A-Za-z0-9_-]*)?$/, "rest"],
];

/** The pattern, or what is wrong with the path. */
export function parsePattern(path: string): Pattern | { problem: string } {
  if (!path.startsWith("/")) return { problem: "a path begins with /" };
  if (path.length > PATTERN_CHARS_MAX) {
    return { problem: `a path has at most ${PATTERN_CHARS_MAX} characters` };
  }
  const pattern = path.slice(1).split("/").map(segment);
  if (pattern.length > SEGMENTS_MAX) {
    return { problem: `a path has at most ${SEGMENTS_MAX} segments` };
  }
  const bad = pattern.find(({ kind, ...rest }) => kind === "text" && !isPlain(rest));
  if (bad !== undefined) {
    return { problem: "a segment is a text, {name}, {*name} or *, and has no ?, # or blanks" };
  }
  if (pattern.slice(0, -1).some(({ kind }) => kind === "rest")) {
    return { problem: "a rest, as in {*name}, is the last segment" };
  }
  const names = pattern.flatMap((each) => ("name" in each && each.name !== "" ? [each.name] : []));
  if (new Set(names).size !== names.length) return { problem: "a path names each parameter once" };
  return pattern;
}

function segment(text: string): Segment {
  for (const [spelling, kind] of SPELLINGS) {
    const found = spelling.exec(text);
    if (found !== null) return { kind, name: found[1] ?? "" };
  }
  return { kind: "text", text };
}

const isPlain = (segment: object): boolean =>
  "text" in segment && typeof segment.text === "string" && !/[\s{}*?#]|^:/.test(segment.text);

/** The pattern of whatever lies at or below a path. */
export function below(pattern: Pattern): Pattern {
  const last = pattern.at(-1);
  if (last?.kind === "rest") return pattern;
  const folder = last?.kind === "text" && last.text === "" ? pattern.slice(0, -1) : pattern;
  return [...folder, { kind: "rest", name: "" }];
}

/** The segments of a request's path, decoded. Undefined for an encoding that names nothing. */
export function segmentsOf(path: string): string[] | undefined {
  try {
    return path.slice(1).split("/").map(decodeURIComponent);
  } catch {
    return undefined;
  }
}

/** The parameters, in order, where the pattern fits. */
export function match(
  pattern: Pattern,
  segments: readonly string[],
): (readonly [name: string, value: string])[] | undefined {
  const found: [string, string][] = [];
  for (const [at, part] of pattern.entries()) {
    if (part.kind === "rest") {
      const rest = segments.slice(at).join("/");
      if (part.name === "") return found;
      return rest === "" ? undefined : [...found, [part.name, rest]];
    }
    const given = segments[at];
    if (given === undefined) return undefined;
    if (part.kind === "text" ? part.text !== given : given === "") return undefined;
    if (part.kind === "parameter") found.push([part.name, given]);
  }
  return segments.length === pattern.length ? found : undefined;
}

const RANK = { text: 0, parameter: 1, rest: 2 } as const;

/** Below 0 where `one` is more specific than `other`. */
export function compareSpecificity(one: Pattern, other: Pattern): number {
  for (let at = 0; at < Math.max(one.length, other.length); at++) {
    const [mine, theirs] = [one[at], other[at]];
    const difference = rank(mine) - rank(theirs);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** A path that has ended here is more specific than one that goes on. */
const rank = (part: Segment | undefined): number => (part === undefined ? -1 : RANK[part.kind]);

/** The same for patterns that fit the same paths. */
export function shapeOf(pattern: Pattern): string {
  const shapes = pattern.map((part) =>
    part.kind === "text" ? `/${part.text}` : part.kind === "parameter" ? "/{}" : "/{*}",
  );
  return shapes.join("");
}
