import { expect, test } from "vitest";
import { theater } from "./run-theater.ts";

test("--help names every command and exits 0", async () => {
  const { code, stdout } = await theater(["--help"]);
  expect(code).toBe(0);
  const commands =
    "dev build validate start list inspect stop terminate restart pause resume state send request events erase export verify receipt trust store";
  const missing = commands
    .split(" ")
    .filter((command) => !new RegExp(`^  ${command}\\b`, "m").test(stdout));
  expect(missing).toEqual([]);
});

test("the help of a command names the options that all commands have", async () => {
  const { code, stdout } = await theater(["events", "--help"]);
  expect(code).toBe(0);
  expect(stdout).toContain("--follow");
  expect(stdout).toContain("--json");
});

test.for([
  [[], "Usage: theater"],
  [["play"], "unknown command 'play'"],
  [["inspect"], "missing required argument 'id'"],
  [["inspect", "a", "b"], "too many arguments"],
  [["list", "--nonsense"], "unknown option '--nonsense'"],
  [["events", "a", "--from", "-1"], "whole number"],
  [["events", "a", "--from", "1e3"], "whole number"],
  [["verify", "a", "--head", "5"], "<seq>:<cid>"],
  [["trust"], "give a key"],
  [["trust", "--list", "--remove", "x"], "give a key, or one of"],
  [["receipt", "a"], "missing required argument 'seq'"],
  [["dev", "--port", "65536"], "at most 65535"],
  [["list", "--url", "localhost:8787"], "must be an http address"],
  [["store"], "Usage: theater store"],
] as const)("wrong usage exits 2 and says so on stderr: theater %s", async ([args, message]) => {
  const { code, stdout, stderr } = await theater(args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain(message);
});

test("an address that is none in THEATER_URL is wrong usage too", async () => {
  const { code, stderr } = await theater(["list"], { url: "not an address" });
  expect(code).toBe(2);
  expect(stderr).toContain("THEATER_URL");
});
