// The example of a supervised tree as a newcomer runs it: a real server, real failures, and what the chains say.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, expect, test } from "vitest";

const DEMO = join(import.meta.dirname, "../../examples/order/demo.ts");
const DEMO_MS_MAX = 240_000;

let output: string;

beforeAll(async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [DEMO], { maxBuffer: 1e7 });
  output = stdout;
}, DEMO_MS_MAX);

/** What stands under a title, up to the next. */
function under(title: string): string {
  return output.split("\n── ").find((one) => one.startsWith(title)) ?? "";
}

test("one command starts the whole tree, and the tree shows it", () => {
  expect(under("one command starts")).toMatch(
    /order {2}running {2}one-for-one {2}\w+\n└─ checkout {2}running {2}rest-for-one {2}\w+\n {3}├─ till {2}running {2}\w+\n {3}└─ printer {2}running {2}\w+\n/,
  );
});

test("the till fails and is there again, with the printer behind it", () => {
  const text = under("orders, until");
  expect(text).toContain("order again, please: limit-exceeded: state-bytes");
  expect(text).toMatch(/once more +→ receipt 9/);
  expect(text).toMatch(/till {2}running {2}1 restart {2}last ended: limit/);
  expect(text).toMatch(/printer {2}running {2}1 restart/);
});

test("the third failure escalates, and the level above mends it", () => {
  expect(under("an order that the till can never keep")).toMatch(
    /checkout {2}running {2}1 restart {2}last ended: escalated/,
  );
  const text = under("the checkout gave up");
  expect(text).toContain('restart, because "till" ended (limit): restart 2 of 2');
  expect(text).toContain('escalate, because "till" ended (limit): more than 2 restarts');
  expect(text).toContain('restart, because "checkout" ended (escalated): restart 1 of 3');
});

test("the whole tree replays together, and every link has its other end", () => {
  const text = under("and so does the whole tree");
  expect(text).toMatch(/^verified: \d+ actors, \d+ turns agree, \d+ links match$/m);
  expect(text.match(/^ {2}\w{32} {2}verified: \d+ turns agree$/gm)).toHaveLength(4);
});

test("the chains of both supervisors verify, and their turns replay", () => {
  const text = under("both chains are whole");
  expect(text.match(/^verified 0…\d+, 0 erased, 0 withheld$/gm)).toHaveLength(2);
  expect(text.match(/^verified: \d+ turns agree$/gm)).toHaveLength(2);
});
