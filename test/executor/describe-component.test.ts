// Goal: the description says what the component's WIT says, and bytes that are cut, changed or hostile
// give an error with a code. Components come from wasm-tools and componentize-qjs.

import { readFileSync } from "node:fs";
import { componentEmbed, parse } from "@bytecodealliance/jco-transpile/wasm-tools";
import { beforeAll, describe, expect, test } from "vitest";
import { describeComponent } from "../../src/executor/describe-component.ts";
import { findFunction, type ComponentInterface } from "../../src/executor/wit-type.ts";
import { TheaterError } from "../../src/lib/errors.ts";
import { dummyComponent, quickjsComponent, RICH_WIT } from "./components.ts";

const TINY = new Uint8Array(readFileSync("test/fixtures/tiny.wasm"));
const STATE = { option: { list: "u8" } };

function refusal(bytes: Uint8Array): TheaterError {
  try {
    describeComponent(bytes);
  } catch (thrown) {
    if (thrown instanceof TheaterError) return thrown;
    throw thrown;
  }
  throw new Error("it was accepted");
}

function interfaceOf(interfaces: readonly ComponentInterface[], name: string): ComponentInterface {
  const found = interfaces.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no interface ${name}`);
  return found;
}

test("a component in C is described by its own interfaces", () => {
  const { imports, exports } = describeComponent(TINY);
  expect(imports).toEqual([
    {
      name: "theater:simple/runtime",
      functions: { log: { params: [["msg", "string"]], result: null } },
      types: [],
    },
  ]);
  expect(exports.map(({ name }) => name)).toEqual([
    "theater:simple/actor",
    "theater:simple/message-server-client",
  ]);
  expect(exports[1]?.functions["handle-request"]).toEqual({
    params: [
      ["state", STATE],
      ["params", { tuple: ["string", { list: "u8" }] }],
    ],
    result: {
      result: { ok: { tuple: [STATE, { tuple: [STATE] }] }, err: "string" },
    },
  });
});

test("a component on QuickJS is described by the same types as one in C", async () => {
  const js = `
    import { log } from "theater:simple/runtime";
    export const actor = { init(state) { log("x"); return [state]; } };
    export const messageServerClient = {
      handleSend(state) { return [state]; },
      handleRequest(state) { return [state, [undefined]]; },
    };`;
  const quickjs = describeComponent(
    await quickjsComponent(readFileSync("test/fixtures/tiny.wit", "utf8"), js),
  );
  const tiny = describeComponent(TINY);
  expect(quickjs.imports).toEqual(tiny.imports);
  // componentize-qjs adds a function of its own to the world; it is no part of the actor's WIT.
  expect(quickjs.exports.filter(({ name }) => name !== "")).toEqual(tiny.exports);
  expect(Object.keys(interfaceOf(quickjs.exports, "").functions)).toEqual(["init"]);
}, 60_000);

describe("in a world with every kind of type", () => {
  let description: ReturnType<typeof describeComponent>;
  const TYPES = "shop:goods/types@1.2.3";

  beforeAll(async () => {
    description = describeComponent(await dummyComponent(RICH_WIT, "shop"));
  });

  test("imports and exports have the names that WIT gives them", () => {
    const names = (interfaces: readonly ComponentInterface[]) => interfaces.map(({ name }) => name);
    expect(names(description.imports)).toEqual([TYPES, "shop:goods/api@1.2.3", "plain", ""]);
    expect(names(description.exports)).toEqual(["shop:goods/api@1.2.3", "inline", ""]);
  });

  test("a type knows its name and its interface, also where it is used under another name", () => {
    const color = { enum: ["red", "dark-green"], name: "color", of: TYPES };
    for (const side of [description.imports, description.exports]) {
      const api = interfaceOf(side, "shop:goods/api@1.2.3");
      expect(new Map(api.types).get("colour")).toEqual(color);
      expect(api.functions["draw"]?.params[1]).toEqual([
        "list",
        { list: color, name: "colour-list", of: "shop:goods/api@1.2.3" },
      ]);
    }
    const local = interfaceOf(description.exports, "").functions["run"]?.result;
    const perms = { flags: ["read", "write-all"], name: "perms", of: TYPES };
    const fields = [
      ["perms", perms],
      ["more", { option: perms }],
    ];
    expect(local).toEqual({ record: fields, name: "local", of: "" });
    const small = { alias: "u8", name: "small", of: "plain" };
    expect(interfaceOf(description.imports, "plain").functions["take"]?.result).toEqual(small);
  });

  test("types are expanded down to the primitives", () => {
    const types = new Map(interfaceOf(description.imports, TYPES).types);
    const point = {
      record: [
        ["x-pos", "u32"],
        ["y", "f64"],
        ["record", { option: { alias: "string", name: "id", of: TYPES } }],
      ],
      name: "point",
      of: TYPES,
    };
    const part = {
      record: [
        ["parts", { tuple: ["u8", "s8", "u16", "s16", "u32", "s32"] }],
        ["wide", { tuple: ["u64", "s64", "f32", "f64", "char", "bool"] }],
      ],
      name: "shape-part",
      of: TYPES,
    };
    const variant = [
      ["circle", point],
      ["none", null],
      ["many", { list: part }],
    ];
    const shape = { variant, name: "shape", of: TYPES };
    expect(types.get("outcome")).toEqual({
      result: { ok: shape, err: "string" },
      name: "outcome",
      of: TYPES,
    });
  });

  test("resources and handles are known by the interface that defines them", () => {
    const types = interfaceOf(description.imports, TYPES);
    const basket = `${TYPES}#basket`;
    expect(new Map(types.types).get("basket")).toEqual({ resource: basket });
    expect(types.functions["[constructor]basket"]?.result).toEqual({ own: basket });
    expect(types.functions["[method]basket.add"]?.params[0]).toEqual(["self", { borrow: basket }]);
    expect(types.functions["[static]basket.default"]?.result).toEqual({ own: basket });
    const lend = interfaceOf(description.exports, "shop:goods/api@1.2.3").functions["lend"];
    expect(lend?.result).toEqual({ option: { option: { own: basket } } });
  });

  test("the description survives JSON", () => {
    expect(JSON.parse(JSON.stringify(description))).toEqual(description);
  });

  test("a function is found by its own name only", () => {
    const api = "shop:goods/api@1.2.3";
    const find = (name: string, fn: string) =>
      findFunction(description.exports, { interface: name, function: fn });
    expect(find(api, "quiet")).toEqual({ params: [], result: null });
    expect(find(api, "constructor")).toBeUndefined();
    expect(find("other:api/x", "quiet")).toBeUndefined();
  });
});

describe("broken files", () => {
  /** Where the sections begin, read with a few lines of our own. */
  function sectionStarts(bytes: Uint8Array): Set<number> {
    const starts = new Set<number>();
    for (let at = 8; at < bytes.length;) {
      starts.add(at++);
      let size = 0;
      for (let shift = 0, more = true; more; shift += 7) {
        const byte = bytes[at++] ?? 0;
        size += (byte & 0x7f) << shift;
        more = byte >= 0x80;
      }
      at += size;
    }
    return starts;
  }

  test("a file cut inside a section is refused wherever the cut is", () => {
    const starts = sectionStarts(TINY);
    expect(starts.size).toBeGreaterThan(10);
    for (let size = 0; size < TINY.length; size++) {
      if (starts.has(size)) continue;
      const { code } = refusal(TINY.subarray(0, size));
      expect([size, code]).toEqual([size, size < 4 ? "not-wasm" : "truncated-component"]);
    }
  });

  // Such a file is a well-formed component; what it lacks, it lacks visibly.
  test("a file cut between two sections never shows more than the whole file", () => {
    const whole = describeComponent(TINY);
    for (const size of sectionStarts(TINY)) {
      const { imports, exports } = describeComponent(TINY.subarray(0, size));
      expect(whole.imports.slice(0, imports.length)).toEqual(imports);
      expect(whole.exports.slice(0, exports.length)).toEqual(exports);
    }
  });

  test("whichever byte is changed, the answer is a description or an error with a code", () => {
    const codes = new Set<string>();
    for (let at = 0; at < TINY.length; at++) {
      for (const change of [0x01, 0x80, 0xff]) {
        const bytes = TINY.slice();
        bytes[at] = (bytes[at] ?? 0) ^ change;
        try {
          describeComponent(bytes);
        } catch (thrown) {
          codes.add(thrown instanceof TheaterError ? thrown.code : String(thrown));
        }
      }
    }
    expect([...codes].toSorted()).toEqual(["bad-component", "not-wasm", "truncated-component"]);
  });

  test("other files are told apart", async () => {
    expect(refusal(new TextEncoder().encode("hello, world")).code).toBe("not-wasm");
    const core = await componentEmbed({ dummy: true, witSource: RICH_WIT, world: "shop" });
    expect(refusal(core).code).toBe("core-module");
    const later = TINY.slice();
    later[4] = 0x0e;
    expect(refusal(later)).toMatchObject({ code: "bad-component", evidence: { offset: 4 } });
  });
});

/** Each `(export "f" (func (param "x" $t)))` of the given definitions. */
const withParam = (type: string, definitions = ""): string =>
  `(component ${definitions} (import "f" (func (param "x" ${type}))))`;
const chain = (count: number, make: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => make(i)).join(" ");

test.each([
  ["futures", withParam("(future u8)")],
  ["streams", withParam("(stream u8)")],
  ["error-contexts", withParam("error-context")],
  ["maps", withParam("(map u8 string)")],
  ["lists of fixed length", withParam("(list u8 4)")],
  ["async functions", `(component (import "f" (func async)))`],
  ["components as imports or exports", `(component (import "c" (component)))`],
  ["values as imports or exports", `(component (import "v" (value u8)))`],
])("%s are refused by name", async (feature, wat) => {
  const error = refusal(await parse(wat));
  expect(error).toMatchObject({ code: "bad-component", evidence: { feature } });
  expect(error.message).toContain(feature);
  expect(error.evidence?.["offset"]).toBeGreaterThanOrEqual(8);
});

const DOUBLED = chain(
  25,
  (i) => `(component $c${i + 1} (alias outer 1 $c${i} (component $p))
    (instance $a (instantiate $p)) (instance $b (instantiate $p))
    (export "x" (instance $a)) (export "y" (instance $b)))`,
);

test.each([
  ["a record without a name", "has no name", withParam(`(record (field "a" u8))`)],
  [
    "parts that JavaScript cannot tell apart",
    "same name",
    `(component (import "f" (func (param "x1" u8) (param "x-1" u8))))`,
  ],
  [
    "a type that would be 2^25 parts long",
    "longer than",
    withParam(
      "$t25",
      `(type $t0 (tuple u8 u8)) ${chain(25, (i) => `(type $t${i + 1} (tuple $t${i} $t${i}))`)}`,
    ),
  ],
  [
    "a type 60 levels deep",
    "deeper than 48 levels",
    withParam(
      "$t60",
      `(type $t0 (option u8)) ${chain(60, (i) => `(type $t${i + 1} (option $t${i}))`)}`,
    ),
  ],
  [
    "2^25 instantiations",
    "once instantiated",
    `(component (component $c0) ${DOUBLED} (instance (instantiate $c25)))`,
  ],
  ["40 nested components", "nested deeper", "(component ".repeat(40) + ")".repeat(40)],
  ["an import by address", "not a name", `(component (import "url=<https://a.example>" (func)))`],
  [
    "the member of a resource that is not there",
    "not a name",
    `(component (import "i" (instance (export "[static]r.f" (func)))))`,
  ],
])("%s is refused", async (_, message, wat) => {
  const error = refusal(await parse(wat));
  expect(error.code).toBe("bad-component");
  expect(error.message).toContain(message);
});

// `(type (instance (alias outer 1 0 …) (export "x" (instance (type 0)))))`: type 0 reaches itself.
test("a type that contains itself ends with an error", () => {
  const instanceType = [0x42, 2, 2, 3, 2, 1, 0, 4, 0, 1, 0x78, 5, 0];
  const imported = [0, 1, 0x69, 5, 0];
  const sections = [7, instanceType.length + 1, 1, ...instanceType].concat(
    [10, imported.length + 1, 1],
    imported,
  );
  const bytes = Uint8Array.from([...TINY.subarray(0, 8), ...sections]);
  expect(refusal(bytes).message).toContain("nested deeper");
});

test("a name that is too long is refused", async () => {
  const name = "a".repeat(600);
  expect(refusal(await parse(`(component (import "${name}" (func)))`)).message).toContain("512");
});
