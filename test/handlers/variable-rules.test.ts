// Who may read which variable: a table of what is granted and what that allows.

import fc from "fast-check";
import { expect, test } from "vitest";
import {
  environmentGrant,
  maySpeakOfSecret,
  mayReadVariable,
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
