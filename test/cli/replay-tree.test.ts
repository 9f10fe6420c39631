// `theater replay --tree` against canned reports: parts become one report, the worst of them counts, and whatever an
// actor said is shown without its control characters.

import { expect, test } from "vitest";
import { serve, type Canned } from "./canned-server.ts";
import { theater } from "./run-theater.ts";

const TIMEOUT = { timeout: 60_000 };
const ROOT = "a".repeat(32);
const CHILD = "b".repeat(32);

const actor = (id: string, agreed: number) => ({
  actor: id,
  verdict: "verified",
  turns: { agreed, cut: 0, erased: 0, foreign: 0 },
  erasedTurns: [],
  difference: null,
  ran: null,
  chain: { verdict: "verified", firstBad: null },
});

const mismatch = {
  kind: "message",
  actor: CHILD,
  seq: 12,
  rule: "The other one's turn sent something else.",
  found: { type: "message.received", about: "send", fields: { from: `${ROOT}\u001b[2J` } },
  other: { actor: ROOT, seq: 28, said: { type: "turn.committed", about: "", fields: null } },
};

const broken = {
  seq: 9,
  turn: 4,
  likely: "tampered-record",
  rule: "Turn 4 follows turn 2.",
  expected: { type: "turn.committed", about: "", wit: null, fields: {} },
  found: null,
};

const links = (matched: number, pending: number) => ({
  matched,
  outside: 0,
  erased: 1,
  unchecked: 0,
  pending,
});

const PARTS = [
  {
    root: ROOT,
    verdict: "diverged",
    actors: [{ ...actor(ROOT, 3), verdict: "diverged", difference: broken }, actor(CHILD, 1)],
    links: links(5, 4),
    mismatches: [mismatch],
    more: false,
    next: '{"root":"…"}',
  },
  {
    root: ROOT,
    verdict: "verified",
    actors: [actor(CHILD, 2)],
    links: links(2, 0),
    mismatches: [],
    more: false,
    next: null,
  },
];

async function replay(...more: string[]) {
  const bodies: string[] = [];
  await using server = await serve(({ path, body }): Canned | undefined => {
    if (path !== `/v1/actors/${ROOT}/chain/replay?tree=true`) return undefined;
    bodies.push(body.toString());
    return { json: PARTS[bodies.length - 1] };
  });
  const run = await theater(["replay", ROOT, "--tree", ...more], { url: server.url });
  return { ...run, bodies };
}

test(
  "parts become one report, and a contradiction in any of them ends with exit code 3",
  TIMEOUT,
  async () => {
    const { code, stdout, bodies } = await replay("--json");
    expect(code).toBe(3);
    expect(bodies).toEqual(["", JSON.stringify({ cursor: '{"root":"…"}' })]);
    expect(JSON.parse(stdout)).toMatchObject({
      verdict: "diverged",
      actors: [{ ...actor(ROOT, 3), verdict: "diverged", difference: broken }, actor(CHILD, 3)],
      links: { matched: 7, erased: 2, pending: 0 },
      mismatches: [mismatch],
    });
  },
);

test(
  "people see every actor, the rule that an event breaks, and the first contradiction",
  TIMEOUT,
  async () => {
    const { code, stdout } = await replay();
    expect(code).toBe(3);
    expect(stdout).toBe(
      `diverged: 2 actors, 6 turns agree, 7 links match, 2 cannot be compared, something was erased
  ${ROOT}  diverged: 3 turns agree
event 9 is not as a runtime writes it (tampered-record)
  Turn 4 follows turn 2.
  recorded  turn.committed {}
  ${CHILD}  verified: 3 turns agree
message: event 12 of ${CHILD} is contradicted
  The other one's turn sent something else.
  here   message.received send {"from":"${ROOT}\\u001b[2J"}
  there  ${ROOT} event 28: turn.committed null
`,
    );
  },
);

test("it goes with no other option", TIMEOUT, async () => {
  const { code, stderr } = await theater(["replay", ROOT, "--tree", "--from", "3"]);
  expect([code, stderr]).toEqual([1, expect.stringContaining("bad-request: Give --tree")]);
});
