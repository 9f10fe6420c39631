import { expect, test } from "vitest";
import { routes } from "../../src/server/app.ts";
import { TOKEN, exampleOf, frontDoor, problemIn, sha256Hex } from "./front-door.ts";

const OPEN = ["/healthz", "/v1/openapi.json"];
const closed = routes.filter(({ path }) => !OPEN.includes(path));

test("only health and the document are open", () => {
  expect(routes.filter(({ open }) => open).map(({ path }) => path)).toEqual(OPEN);
});

test.each([null, "", " ", TOKEN, "0f", `${sha256Hex(TOKEN)},`, `${sha256Hex(TOKEN)},typo`])(
  "with %o as configuration every closed route answers 503, even to the right token",
  async (configured) => {
    const { ask, actors } = frontDoor(configured);
    for (const route of closed) {
      const response = await ask(...exampleOf(route));
      expect(response.status).toBe(503);
      const { code, detail } = await problemIn(response);
      expect(code).toBe("not-configured");
      expect(detail).not.toContain(TOKEN);
    }
    expect(actors.calls).toEqual([]);
  },
);

test.each([
  "",
  "Bearer",
  `Bearer ${TOKEN}x`,
  `Basic ${TOKEN}`,
  TOKEN,
  `Bearer ${sha256Hex(TOKEN)}`,
])(
  "%o as authorization is refused with 401 on every closed route, and nothing happens",
  async (authorization) => {
    const { ask, actors } = frontDoor();
    for (const route of closed) {
      const [path, init] = exampleOf(route);
      const response = await ask(path, { ...init, headers: { authorization } });
      expect(response.status).toBe(401);
      expect(response.headers.get("www-authenticate")).toBe('Bearer realm="theater"');
      expect((await problemIn(response)).code).toBe("unauthorized");
    }
    expect(actors.calls).toEqual([]);
  },
);

test("a path that leads nowhere says so only to those with a token", async () => {
  const { ask } = frontDoor();
  const stranger = { headers: { authorization: "Bearer wrong" } };
  expect((await ask("/v1/nowhere", stranger)).status).toBe(401);
  expect((await ask("/v1/openapi.json/more", stranger)).status).toBe(401);
  expect((await ask("/v1/actors", { method: "PATCH", ...stranger })).status).toBe(401);
  expect((await ask("/v1/nowhere")).status).toBe(404);
});

test.each(OPEN)("%s is answered to anybody, also on a server without a token", async (path) => {
  const { ask } = frontDoor("");
  expect((await ask(path, { headers: { authorization: "" } })).status).toBe(200);
});

test("any of several tokens opens, and the principal names its digest", async () => {
  const other = "another-token";
  const { ask, actors } = frontDoor(`${sha256Hex(other).toUpperCase()} , ${sha256Hex(TOKEN)}`);
  for (const token of [TOKEN, other]) {
    actors.calls.length = 0;
    const headers = { authorization: `bearer ${token}` };
    const response = await ask(`/v1/actors/${"a".repeat(32)}/stop`, { method: "POST", headers });
    expect(response.status).toBe(200);
    const principal = `token:${sha256Hex(token).slice(0, 8)}`;
    expect(actors.argsOf("lifecycle")).toEqual(["a".repeat(32), "stop", principal, null]);
  }
});

test("what passed under one configuration does not pass under another", async () => {
  const known = frontDoor();
  const other = frontDoor(sha256Hex("another"));
  expect((await known.ask("/v1/actors")).status).toBe(200);
  expect((await other.ask("/v1/actors")).status).toBe(401);
  expect((await known.ask("/v1/actors")).status).toBe(200);
});
