import { createHash } from "node:crypto";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { cidText } from "../../src/chain/cid.ts";
import { Link } from "../../src/chain/value.ts";
import { serve } from "./canned-server.ts";
import { theater } from "./run-theater.ts";

const BYTES = Uint8Array.of(9, 0, 255);
const HASH = createHash("sha256").update(BYTES).digest();
const CID = cidText(new Link("raw", new Uint8Array(HASH)));
const DIGEST = `sha256:${HASH.toString("hex")}`;

test.for([CID, DIGEST, "shared/a/b", "store://shared/a/b"])(
  "get prints exactly the content that has the hash: %s",
  async (name) => {
    await using server = await serve(({ path }) => {
      if (path === "/v1/stores/shared/labels/a%2Fb") return { json: { cid: CID, digest: DIGEST } };
      return path === `/v1/content/${CID}` ? { body: BYTES } : undefined;
    });
    const { code, bytes } = await theater(["store", "get", name], server);
    expect({ code, bytes: [...bytes] }).toEqual({ code: 0, bytes: [...BYTES] });
  },
);

test("get finds out a server that sends other bytes, shows none of them and exits 3", async () => {
  await using server = await serve(() => ({ body: "other bytes" }));
  const { code, stdout, stderr } = await theater(["store", "get", CID], server);
  expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
  expect(stderr).toContain("content-corrupt: ");
  expect(stderr).toContain(CID);
});

test("get writes to a file on request", async () => {
  await using server = await serve(() => ({ body: BYTES }));
  const file = join(await mkdtemp(join(tmpdir(), "theater-cli-")), "out.bin");
  const { stdout } = await theater(["store", "get", CID, "-o", file, "--json"], server);
  expect(JSON.parse(stdout)).toEqual({ file, bytes: 3, cid: CID });
  expect([...(await readFile(file))]).toEqual([...BYTES]);
});

test("put sends a file or standard input, with a label on request", async () => {
  const json = { cid: CID, digest: DIGEST };
  await using server = await serve(() => ({ status: 201, json }));
  const file = join(await mkdtemp(join(tmpdir(), "theater-cli-")), "in.bin");
  await writeFile(file, BYTES);
  const put = await theater(["store", "put", "shared", file, "--label", "a/b"], server);
  expect(put.stdout).toBe(`cid     ${CID}\ndigest  ${DIGEST}\n`);
  await theater(["store", "put", "my store", "-"], { ...server, stdin: "typed" });
  expect(server.received.map(({ method, path, body }) => [method, path, [...body]])).toEqual([
    ["PUT", "/v1/stores/shared/content?label=a%2Fb", [...BYTES]],
    ["PUT", "/v1/stores/my%20store/content", [...Buffer.from("typed")]],
  ]);
});

test("label shows or sets what a label points at, and ls lists the labels", async () => {
  await using server = await serve(({ method, path }) => {
    if (method === "PUT") return { status: 204 };
    return {
      json: path.endsWith("/labels") ? { labels: ["a", "b"] } : { cid: CID, digest: DIGEST },
    };
  });
  expect((await theater(["store", "label", "s", "a"], server)).stdout).toContain(DIGEST);
  expect((await theater(["store", "label", "s", "a", DIGEST], server)).code).toBe(0);
  expect((await theater(["store", "ls", "s"], server)).stdout).toBe("a\nb\n");
  expect(server.received[1]).toMatchObject({ method: "PUT", path: "/v1/stores/s/labels/a" });
  expect(JSON.parse(server.received[1]?.body.toString() ?? "")).toEqual({ digest: DIGEST });
});
