import { expect, test } from "vitest";
import { serve } from "./canned-server.ts";
import { theater } from "./run-theater.ts";

const [FIRST, SECOND] = ["a".repeat(32), "b".repeat(32)];
const head = { seq: 9, cid: `b${"a".repeat(58)}` };
const good = (actor: string) => ({ actor, head, events: 10, findings: [], more: false });
const finding = { seq: 4, where: "archive", what: "It is not\u001b[31m there." };

test("a ledger that agrees with archive and journal exits 0", async () => {
  await using server = await serve(() => ({ json: good(FIRST) }));
  const { code, stdout } = await theater(["ledger", "check", FIRST], server);
  expect({ code, stdout }).toEqual({ code: 0, stdout: `${FIRST}: 10 events agree everywhere\n` });
  expect(server.received.map(({ method, path }) => `${method} ${path}`)).toEqual([
    `POST /v1/actors/${FIRST}/chain/check`,
  ]);
});

test("without an id all actors are compared, page by page, and one disagreement exits 3", async () => {
  await using server = await serve(({ path }) => {
    if (path === "/v1/actors?limit=1000") return { json: { actors: [{ id: FIRST }], cursor: "x" } };
    if (path.startsWith("/v1/actors?")) return { json: { actors: [{ id: SECOND }], cursor: null } };
    const id = path.includes(FIRST) ? FIRST : SECOND;
    return { json: id === FIRST ? { ...good(id), findings: [finding] } : good(id) };
  });
  const { code, stdout } = await theater(["ledger", "check"], server);
  expect(code).toBe(3);
  expect(stdout).toContain(
    `${FIRST}: ledger, archive and journal disagree\n  4 archive: It is not`,
  );
  expect(stdout).not.toContain("\u001b[31m there");
  expect(stdout).toContain(`${SECOND}: 10 events agree everywhere`);
  const json = await theater(["ledger", "check", "--json"], server);
  expect(json.code).toBe(3);
  expect(JSON.parse(json.stdout)).toEqual([{ ...good(FIRST), findings: [finding] }, good(SECOND)]);
});
