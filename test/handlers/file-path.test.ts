// Paths: one spelling for one file, and no way out of the tree.

import fc from "fast-check";
import { expect, test } from "vitest";
import {
  folderOf,
  holds,
  inFolder,
  nameOf,
  normalPath,
  NAME_BYTES_MAX,
  PATH_BYTES_MAX,
  PATH_DEPTH_MAX,
  ROOT,
} from "../../src/handlers/file-path.ts";

test.for<[string, string]>([
  ["a", "/a"],
  ["a/b/c.txt", "/a/b/c.txt"],
  ["./a//b/./c/", "/a/b/c"],
  ["", "/"],
  [".", "/"],
  ["...", "/..."],
  ["..a/b..", "/..a/b.."],
  ["a\\b", "/a\\b"],
  ["~", "/~"],
  ["%2e%2e/a", "/%2e%2e/a"],
  ["__proto__", "/__proto__"],
])("%j is %s", ([given, path]) => {
  expect(normalPath(given)).toEqual({ path });
});

test.for<[string, string, RegExp]>([
  ["an absolute path", "/etc/passwd", /relative/],
  ["two slashes", "//a", /relative/],
  ["the folder above", "..", /\.\./],
  ["a way out at the end", "a/..", /\.\./],
  ["a way out and in again", "a/../../a", /\.\./],
  ["a NUL", "a\0b", /control/],
  ["a line break", "a\nb", /control/],
  ["a delete", "a\x7f", /control/],
  ["a long path", "a/".repeat(PATH_BYTES_MAX / 2) + "b", /bytes/],
  ["a long name", "é".repeat(NAME_BYTES_MAX / 2 + 1), /bytes/],
  ["a deep path", "a/".repeat(PATH_DEPTH_MAX + 1), /names/],
])("%s is refused", ([, given, reason]) => {
  expect(normalPath(given)).toEqual({ problem: expect.stringMatching(reason) as string });
});

const anyPath = fc.string({
  unit: fc.constantFrom("a", "b", "/", ".", "..", "\0", "é"),
  maxLength: 24,
});

test("whatever is given, a normal path stays in the tree and is its own normal form", () => {
  fc.assert(
    fc.property(anyPath, (given) => {
      const normal = normalPath(given);
      if ("problem" in normal) return;
      const { path } = normal;
      expect(
        path
          .split("/")
          .slice(1)
          .every((name) => name !== ".." && name !== "."),
      ).toBe(true);
      expect(normalPath(path.slice(1))).toEqual({ path });
      expect(holds(ROOT, path)).toBe(true);
      expect(path === ROOT || inFolder(folderOf(path), nameOf(path)) === path).toBe(true);
    }),
  );
});

test.for<[string, string, boolean]>([
  ["/a", "/a", true],
  ["/a", "/a/b", true],
  ["/a", "/ab", false],
  ["/a/b", "/a", false],
  ["/", "/a", true],
])("%s holds %s: %s", ([folder, path, held]) => {
  expect(holds(folder, path)).toBe(held);
});
