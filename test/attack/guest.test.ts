// Goal: whatever a guest does in its turn, the caller gets the right code, the chain records it and
// verifies, the actor's next turn works, and so do its neighbours: another actor of the same component
// (they share an isolate), and an actor of another component.

import { afterAll, beforeAll, expect, test } from "vitest";
import { decodePayload } from "../../src/chain/payload.ts";
import { fromBase64, toUtf8 } from "../../src/lib/bytes.ts";
import { ATTACKS, hostileComponent, TINY } from "./hostile-guest.ts";
import { Stage, type Problem } from "./stage.ts";

const MIB = 1024 * 1024;

let stage: Stage;
let component: string;
let neighbour: string;
let bystander: string;

beforeAll(async () => {
  stage = await Stage.start();
  const uploaded = await stage.upload(await hostileComponent());
  if (typeof uploaded !== "string") throw new Error(uploaded.detail);
  component = uploaded;
  neighbour = await begin();
  bystander = await stage.actor(TINY);
}, 60_000);

afterAll(async () => {
  await stage.end();
});

async function begin(): Promise<string> {
  const id = await stage.start(component, { limits: { state_bytes: 8 * MIB } });
  if (typeof id !== "string") throw new Error(id.detail);
  return id;
}

const attack = (name: keyof typeof ATTACKS): Uint8Array => Uint8Array.of(ATTACKS[name], 1, 2, 3);

async function expectOthersToGoOn(id: string): Promise<void> {
  const echo = attack("echo");
  expect(await stage.request(neighbour, echo)).toEqual(echo);
  expect(toUtf8((await stage.request(bystander, "x")) as Uint8Array)).toMatch(/^[0-9]+$/);
  expect(await stage.request(id, echo)).toEqual(echo);
  expect(await stage.verdict(id)).toBe("verified");
}

/** How the chain says that the turn ended. */
async function endOf(id: string, { event }: Problem): Promise<unknown> {
  const response = await stage.ask(`/v1/actors/${id}/chain/${event?.seq}`);
  const { payload } = (await response.json()) as { payload: string };
  const { kind, code } = decodePayload("turn.failed", fromBase64(payload) ?? new Uint8Array());
  return `${kind} ${code}`;
}

test.for<[keyof typeof ATTACKS, code: string, recorded: string]>([
  ["unreachable", "guest-trap", "trap unreachable"],
  ["outOfBounds", "guest-trap", "trap memory-out-of-bounds"],
  ["callBeyondTable", "guest-trap", "trap table-out-of-bounds"],
  ["callNull", "guest-trap", "trap indirect-call"],
  ["callOtherType", "guest-trap", "trap indirect-call"],
  ["divideByZero", "guest-trap", "trap divide-by-zero"],
  ["divideOverflow", "guest-trap", "trap integer-overflow"],
  ["truncateNan", "guest-trap", "trap float-conversion"],
  ["errSurrogate", "guest-trap", "trap other"],
  ["logInvalidUtf8", "guest-trap", "trap other"],
  ["badResultCase", "guest-trap", "trap other"],
  ["badOptionCase", "guest-trap", "trap other"],
  ["stateTooLong", "limit-exceeded", "limit state-bytes"],
  ["stateHuge", "limit-exceeded", "limit returned-bytes"],
  ["logForever", "limit-exceeded", "limit host-calls"],
  ["getChainTooOften", "limit-exceeded", "limit host-calls"],
  ["logMegabytes", "limit-exceeded", "limit recorded-bytes"],
  ["logHuge", "limit-exceeded", "limit recorded-bytes"],
  ["sendMegabytes", "limit-exceeded", "limit recorded-bytes"],
])(
  "%s: the caller hears %s, the chain says %s",
  { timeout: 30_000 },
  async ([name, code, recorded]) => {
    const id = await begin();
    const problem = (await stage.request(id, attack(name))) as Problem;
    expect(problem).toMatchObject({ code, detail: expect.any(String) });
    expect(await endOf(id, problem)).toBe(recorded);
    // The ledger may need a moment after ten thousand events, and the actor says so.
    await expect
      .poll(() => stage.request(id, attack("echo")), { timeout: 10_000 })
      .toEqual(attack("echo"));
    await expectOthersToGoOn(id);
  },
);

// How deep the host's stack is depends on the machine, so this is not a trap that a replay must repeat.
test("a stack overflow ends the turn as cut", async () => {
  const id = await begin();
  const problem = (await stage.request(id, attack("stackOverflow"))) as Problem;
  expect(await endOf(id, problem)).toBe("cut host-stack");
  await expectOthersToGoOn(id);
});

test("an error of 1 MiB reaches the caller whole, and the actor lives on", async () => {
  const id = await begin();
  const problem = (await stage.request(id, attack("errLong"))) as Problem;
  expect(problem.code).toBe("guest-error");
  expect(problem.detail.length).toBe(MIB);
  await expectOthersToGoOn(id);
});

test("a text that begins with U+FEFF is recorded as it was said", async () => {
  const id = await begin();
  await stage.request(id, attack("logBom"));
  const logged = await callsOf(id);
  expect(logged.at(-1)).toEqual(["\uFEFFA"]);
});

async function callsOf(id: string): Promise<unknown[]> {
  const response = await stage.ask(`/v1/actors/${id}/chain?type=host.called`);
  const { events } = (await response.json()) as { events: { payload: string }[] };
  return events.map(
    ({ payload }) => decodePayload("host.called", fromBase64(payload) ?? new Uint8Array()).args,
  );
}

test("four gigabytes of random bytes are denied, and the guest goes on", async () => {
  const id = await begin();
  const reply = await stage.request(id, attack("randomMax"));
  expect(toUtf8(reply as Uint8Array)).toContain("Permission denied: at most 1048576 random bytes");
  await expectOthersToGoOn(id);
});

test("memory ends to grow at 64 MiB, at the same page every time", async () => {
  const id = await begin();
  const reply = (await stage.request(id, attack("growForever"))) as Uint8Array;
  const pages = new DataView(reply.buffer).getUint32(0, true);
  expect(pages).toBeGreaterThan(1024 - 16);
  expect(pages).toBeLessThanOrEqual(1024);
  expect(await stage.request(id, attack("growForever"))).toEqual(reply);
});

test("a reply of 9 MiB arrives, and a request's id is what the guest was told", async () => {
  const id = await begin();
  expect(((await stage.request(id, attack("replyLong"))) as Uint8Array).length).toBe(9 * MIB);
  const told = toUtf8((await stage.request(id, attack("echoId"))) as Uint8Array);
  expect(told).toMatch(/^[0-9a-f]{32}$/);
  await expectOthersToGoOn(id);
});

test("messages to nobody are errors to the guest, and nothing leaves", async () => {
  const id = await begin();
  await stage.request(id, attack("requestSelf"));
  expect(await stage.request(id, attack("sendToNobody"))).toEqual(new Uint8Array());
  const chain = await stage.chain(id);
  expect(JSON.stringify(chain.at(-2)?.event)).toContain("not-found");
  expect(chain.at(-1)?.event).toMatchObject({ type: "turn.committed" });
  await expectOthersToGoOn(id);
});

test("a trap in init leaves a failed actor that takes no message, and no other is harmed", async () => {
  const initState = Buffer.from("trap").toString("base64");
  const body = JSON.stringify({
    manifest: {
      name: "trapped",
      version: "1",
      component,
      handler: ["runtime", "random", "message-server"].map((type) => ({ type })),
    },
    initState,
  });
  const response = await stage.ask("/v1/actors", { method: "POST", body });
  const problem = (await response.json()) as Problem & { evidence: { id: string } };
  expect(problem).toMatchObject({ code: "guest-trap", status: 500 });
  expect(await stage.request(problem.evidence.id, "x")).toMatchObject({ code: "wrong-state" });
  expect(await stage.verdict(problem.evidence.id)).toBe("verified");
  await expectOthersToGoOn(neighbour);
});

test("twenty traps and twenty good turns at once are told apart", async () => {
  const ids = await Promise.all([begin(), begin(), begin(), begin()]);
  const attacks = Array.from({ length: 40 }, (_, n) => (n % 8 < 4 ? "unreachable" : "echo"));
  const outcomes = await Promise.all(
    attacks.map((name, n) => stage.request(ids[n % 4] ?? "", attack(name))),
  );
  const told = outcomes.map((one) => (one instanceof Uint8Array ? one.length : one.code));
  expect(told).toEqual(attacks.map((name) => (name === "echo" ? 4 : "guest-trap")));
  for (const id of ids) expect(await stage.verdict(id)).toBe("verified");
});
