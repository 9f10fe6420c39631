// Who may read which variable: a table of what is granted and what that allows.

import fc from "fast-check";
import { expect, test } from "vitest";
import {
  environmentGrant,
  maySpeakOfSecret,
  mayReadVariable,
  meetOfGrants,
  type EnvironmentGrant,
} from "../../src/handlers/variable-rules.ts";

const grant: EnvironmentGrant = {
  allowedVars: ["REGION", "APP_KEY"],
  deniedVars: ["APP_KEY", "APP_TOKEN", "PAY"],
  allowedPrefixes: ["APP_"],
  secrets: ["MAIL", "PAY"],
};

test.for<[string, boolean, string]>([
  ["REGION", true, "it is in the list"],
  ["region", false, "names have cases"],
  ["APP_MODE", true, "its prefix is granted"],
  ["APP_", true, "a prefix is a prefix of itself"],
  ["MY_APP_MODE", false, "a prefix stands at the start"],
  ["APP_TOKEN", false, "denied wins over a prefix"],
  ["APP_KEY", false, "denied wins over the list"],
  ["HOME", false, "nothing grants it"],
  ["MAIL", false, "a secret is no variable"],
  ["__proto__", false, "nothing grants it"],
])("reading %s: %s, because %s", ([name, allowed]) => {
  expect(mayReadVariable(grant, name)).toBe(allowed);
});

test("a secret is spoken of only by a name that is listed and not denied", () => {
  const names = ["MAIL", "PAY", "REGION", "APP_MODE"];
  expect(names.filter((name) => maySpeakOfSecret(grant, name))).toEqual(["MAIL"]);
});

test("whatever a grant lacks allows nothing", () => {
  fc.assert(
    fc.property(fc.string(), fc.constantFrom(null, {}, { allowListAll: true }), (name, empty) => {
      expect(mayReadVariable(environmentGrant(empty), name)).toBe(false);
      expect(maySpeakOfSecret(environmentGrant(empty), name)).toBe(false);
    }),
  );
});

test("what two grants have in common is what both allow, name by name", () => {
  const name = fc.string({ unit: fc.constantFrom("A", "B", "_"), maxLength: 3 });
  const names = fc.array(name, { maxLength: 3 });
  const grants = fc.record({
    allowedVars: names,
    deniedVars: names,
    allowedPrefixes: names,
    allowListAll: fc.boolean(),
    secrets: names,
  });
  fc.assert(
    fc.property(grants, grants, name, (held, asked, wanted) => {
      const met = environmentGrant(meetOfGrants(held, asked));
      for (const may of [mayReadVariable, maySpeakOfSecret]) {
        expect(may(met, wanted)).toBe(may(held, wanted) && may(asked, wanted));
      }
      expect(met.allowListAll).toBe(held.allowListAll && asked.allowListAll);
    }),
  );
});
