// The components in C that the tests run are those that their sources make.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { equalBytes } from "../../src/lib/bytes.ts";
import { ABI, buildAbi, CLANG_VERSION, clangVersion } from "../conformance/build-abi.ts";
import { buildWeb, WEB } from "../conformance/build-web.ts";
import { missingTool } from "../support/missing-tool.ts";

test("abi.wasm is made of abi.c (else run test/conformance/build-abi.ts)", async ({ skip }) => {
  const isHere = clangVersion() === CLANG_VERSION;
  if (!isHere) skip(missingTool(`clang ${CLANG_VERSION} for wasm32`, "clang-19 lld-19"));
  expect(equalBytes(await buildAbi(), readFileSync(ABI))).toBe(true);
}, 60_000);

test("web.wasm is made of web.c (else run test/conformance/build-web.ts)", async ({ skip }) => {
  const isHere = clangVersion() === CLANG_VERSION;
  if (!isHere) skip(missingTool(`clang ${CLANG_VERSION} for wasm32`, "clang-19 lld-19"));
  expect(equalBytes(await buildWeb(), readFileSync(WEB))).toBe(true);
}, 60_000);
