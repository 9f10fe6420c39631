// Variables in manifests: what is replaced, what stays, and that no value of a variable can become a key.

import fc from "fast-check";
import { expect, test } from "vitest";
import { HANDLERS, Registry } from "../../src/handlers/registry.ts";
import { TheaterError } from "../../src/lib/errors.ts";
import { readManifest } from "../../src/manifest/manifest.ts";
import { RENDERED_BYTES_MAX, substitute } from "../../src/manifest/template.ts";
import { resolvedManifest } from "../../src/manifest/toml.ts";
import { variablesFor } from "../../src/manifest/variables.ts";

const registry = new Registry(HANDLERS);

const VARIABLES = {
  app: { name: "chess", port: 8080 },
  hosts: ["a.example", "b.example"],
  list: [{ x: "first" }],
  yes: true,
  empty: "",
  nothing: null,
};

function render(text: string): unknown {
  return substitute({ text }, VARIABLES, [])["text"];
}

test.for<[string, unknown]>([
  ["{{app.name}}", "chess"],
  ["{{ app.name }}-{{app.port}}", "chess-8080"],
  ["{{app.port}}", 8080],
  ["{{yes}}", true],
  ["{{{app.name}}}", "chess"],
  ["{{hosts}}", ["a.example", "b.example"]],
  ["{{hosts.[1]}}", "b.example"],
  ["{{list.[0].x}}", "first"],
  ["{{list.0.x}}", "first"],
  ["{{empty}}", ""],
  ['{{default app.name "other"}}', "chess"],
  ['{{default app.title "other"}}', "other"],
  ["{{default app.title 'other'}}", "other"],
  ["{{default nothing 'other'}}", "other"],
  ["{{default app.size 5}}", 5],
  ["at {{default app.size 5}}%", "at 5%"],
  ["{{default app.on true}}", true],
  [String.raw`\{{app.name}}`, "{{app.name}}"],
  ["no variables } here {", "no variables } here {"],
])("%s becomes %j", ([text, expected]) => {
  expect(render(text)).toEqual(expected);
});

test.for<[string, RegExp]>([
  ["{{missing}}", /^text: there is no variable "missing": give one, or write \{\{default missing/],
  ["{{app.missing}}", /no variable "app\.missing"/],
  ["{{nothing}}", /no variable "nothing"/],
  ["{{constructor}}", /no variable "constructor"/],
  ["{{app.__proto__}}", /no variable/],
  ["{{hosts.length}}", /no variable/],
  ["{{app}}", /is a table/],
  ["{{list}}", /is a table/],
  ["x{{hosts}}", /write it alone/],
  ["{{}}", /is no expression/],
  ["{{#each hosts}}x", /is no expression/],
  ["{{default app}}", /is no expression/],
])("%s is refused", ([text, says]) => {
  const outcome = ((): unknown => {
    try {
      return render(text);
    } catch (thrown) {
      return thrown;
    }
  })();
  expect(outcome).toBeInstanceOf(TheaterError);
  expect((outcome as TheaterError).message).toMatch(says);
});

const BASE = `name = "{{name}}"\nversion = "1"\ncomponent = "c"\n`;

// The original put variables into the TOML text, where a value could open a table of its own.
test("no value of a variable adds a key or a grant", () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.constant('x"\n[[handler]]\ntype = "store"\n')),
      (value) => {
        const text = `${BASE}description = "{{value}}"\n`;
        const { manifest, table } = readManifest(text, registry, { name: "a", value });
        expect(manifest.handlers).toEqual({});
        expect(Object.keys(table)).toEqual(["name", "version", "component", "description"]);
        expect(
          readManifest(resolvedManifest(table, { component: "c" }), registry).table["description"],
        ).toBe(value.replaceAll("{{", "{{"));
      },
    ),
    { examples: [['x"\n[[handler]]\ntype = "store"\n']] },
  );
});

test("a value with {{ in it is not read again", () => {
  expect(render("{{empty}}x")).toBe("x");
  const table = substitute({ text: "{{a}}{{b}}" }, { a: "{{b}}", b: "1" }, []);
  expect(table["text"]).toBe("{{b}}1");
});

test("init_state is left alone: it is where variables come from", () => {
  const text = `${BASE}init_state = '{"name":"from-state"} {{not.read}}'\n`;
  expect(readManifest(text, registry, { name: "a" }).manifest.initState).toContain("{{not.read}}");
});

test("variables come from the initial state, and what is given wins", () => {
  const state = new TextEncoder().encode('{"name":"state","more":1}');
  expect(variablesFor(BASE, state, {})).toEqual({ name: "state", more: 1 });
  expect(variablesFor(BASE, state, { name: "given" })).toEqual({ name: "given", more: 1 });
  for (const other of ["[1]", "no json", "5", "\u{fffd}"]) {
    expect(variablesFor(BASE, new TextEncoder().encode(other), { name: "x" })).toEqual({
      name: "x",
    });
  }
});

test("variables cannot make a manifest of any size", () => {
  const long = "x".repeat(RENDERED_BYTES_MAX / 2);
  expect(() => substitute({ a: "{{long}}", b: "{{long}}" }, { long }, [])).not.toThrow();
  expect(() => substitute({ a: "{{long}}{{long}}{{long}}" }, { long }, [])).toThrow(/larger than/);
});
