// The rows of `theater:simple/store`. Its actor has one store with the contents `one`, labelled `kept`, and `two`.

import { expect } from "vitest";
import {
  bytes,
  err,
  NO_INPUT,
  ok,
  type ImportRow,
  type ImportRows,
  type RowCall,
} from "./import-row.ts";

export const storeRows: ImportRows = {
  new: { works: () => [[[], ok(expect.stringMatching(/^[0-9a-f]{32}$/))]], bad: NO_INPUT },
  ...onStore("store", {
    works: ({ one }) => [[[bytes("one")], ok({ hash: one })]],
    denied: [bytes("x")],
  }),
  ...onStore("get", {
    works: ({ two }) => [[[{ hash: two }], ok(bytes("two"))]],
    denied: [{ hash: "0" }],
    bad: [[[{ hash: "no digest" }], err(/no such content|not/)]],
  }),
  ...onStore("exists", {
    works: ({ two }) => [
      [[{ hash: two }], ok(true)],
      [[{ hash: "0".repeat(64) }], ok(false)],
    ],
    denied: [{ hash: "0" }],
  }),
  ...onStore("label", {
    works: ({ two }) => [[["x", { hash: two }], ok(null)]],
    denied: ["x", { hash: "0" }],
    bad: [[["x", { hash: "0".repeat(64) }], err(/content/)]],
  }),
  ...onStore("get-by-label", {
    works: ({ two }) => [
      [["x"], ok({ hash: two })],
      [["none"], ok(null)],
    ],
    denied: ["x"],
    bad: [[[""], err(/label/)]],
  }),
  ...onStore("remove-label", {
    works: () => [
      [["x"], ok(null)],
      [["x"], ok(null), "get-by-label"],
    ],
    denied: ["x"],
    bad: [[[""], err(/label/)]],
  }),
  ...onStore("remove-from-label", {
    works: ({ one, two }) => [
      [["kept", { hash: two }], ok(null)],
      [["kept"], ok({ hash: one }), "get-by-label"],
      [["kept", { hash: one }], ok(null)],
      [["kept"], ok(null), "get-by-label"],
    ],
    denied: ["x", { hash: "0" }],
    bad: [[["", { hash: "0" }], err(/label/)]],
  }),
  ...onStore("store-at-label", {
    works: ({ one }) => [
      [["y", bytes("one")], ok({ hash: one })],
      [["y"], ok({ hash: one }), "get-by-label"],
    ],
    denied: ["x", ""],
    bad: [[["", ""], err(/label/)]],
  }),
  ...onStore("replace-content-at-label", {
    works: ({ two }) => [
      [["y", bytes("two")], ok({ hash: two })],
      [["y"], ok({ hash: two }), "get-by-label"],
    ],
    denied: ["x", ""],
    bad: [[["", ""], err(/label/)]],
  }),
  ...onStore("replace-at-label", {
    works: ({ one }) => [
      [["y", { hash: one }], ok(null)],
      [["y"], ok({ hash: one }), "get-by-label"],
    ],
    denied: ["x", { hash: "0" }],
    bad: [[["x", { hash: "0".repeat(64) }], err(/content/)]],
  }),
  ...onStore("list-labels", { works: () => [[[], ok(["y"])]], denied: [] }),
  ...onStore("list-all-content", {
    works: ({ one, two }) => [[[], ok([{ hash: one }, { hash: two }].toSorted(byHash))]],
    denied: [],
  }),
  ...onStore("calculate-total-size", { works: () => [[[], ok(6)]], denied: [] }),
};

interface StoreRow {
  /** Without the store's id, which is put in front. */
  works: ImportRow["works"];
  denied: readonly unknown[];
  bad?: readonly RowCall[];
}

/** Every function on a store says the same of a store that is another's, and of one that is not there. */
function onStore(name: string, { works, denied, bad = [] }: StoreRow): Record<string, ImportRow> {
  const within =
    (id: string) =>
    ([args, gives, about]: RowCall): RowCall =>
      about === undefined
        ? [[id, ...args], gives]
        : [[id, ...args], gives, `theater:simple/store#${about}`];
  const row: ImportRow = {
    works: (at) => works(at).map(within(at.store)),
    denied: ({ foreign }) => [[[foreign, ...denied], err(/^Permission denied: the store/)]],
    bad: ({ store: id, ghost }) => [
      ...bad.map(within(id)),
      within(ghost)([validly(denied), err(/store/)]),
    ],
  };
  return { [name]: row };
}

/** The ghost's calls are right in all but the store. */
const validly = (args: readonly unknown[]): readonly unknown[] =>
  args.map((arg) => (typeof arg === "string" ? arg : { hash: "0".repeat(64) }));

const byHash = (a: { hash: string }, b: { hash: string }): number => (a.hash < b.hash ? -1 : 1);
