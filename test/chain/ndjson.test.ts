import { expect, test } from "vitest";
import { LINE_LENGTH_MAX, parseLine, toJson, toLine } from "../../src/chain/ndjson.ts";
import { Link } from "../../src/chain/value.ts";
import { ERASED, rawLink, sampleChain } from "./sample-chain.ts";

const { lines, actor } = sampleChain();
const line = (seq: number): (typeof lines)[number] => lines[seq] ?? expect.fail(`no line ${seq}`);

test("a line is read back as what was written, byte for byte", () => {
  for (const entry of lines) {
    const text = toLine(entry);
    expect(text).not.toContain("\n");
    expect(parseLine(text)).toEqual(entry);
    expect(Object.keys(JSON.parse(text))).toEqual(["seq", "cid", "block", "payload", "event"]);
  }
  const erased = { ...line(ERASED[0] ?? 0), payload: null };
  expect(parseLine(toLine(erased))).toEqual(erased);
  expect(JSON.parse(toLine(erased)).event.fields).toBeNull();
});

test("people read the event and its payload in the line", () => {
  const { event } = JSON.parse(toLine(line(4)));
  expect(event).toEqual({
    v: 1,
    seq: 4,
    time: 1_700_000_000_004,
    turn: 1,
    type: "host.called",
    about: "theater:simple/store#get-by-label",
    actor,
    parent: { "/": line(3).cid },
    payload: { "/": expect.stringMatching(/^bafyrei/) },
    fields: {
      args: ["greeting", "9223372036854775808"],
      outcome: "returned",
      result: { ok: [-1, null, [true]] },
      salt: { "/": { bytes: expect.stringMatching(/^[A-Za-z0-9+/]{22}$/) } },
    },
  });
});

test("an altered block is passed on for the verifier to find", () => {
  const altered = { ...line(4), block: line(4).block.slice(1) };
  expect(JSON.parse(toLine(altered)).event).toBeNull();
  expect(parseLine(toLine(altered))).toEqual(altered);
  const swapped = { ...line(4), payload: line(5).payload };
  expect(JSON.parse(toLine(swapped)).event).toMatchObject({ seq: 4, fields: null });
});

test("values keep apart what JSON would confuse", () => {
  expect(toJson([new Uint8Array([255]), rawLink("x"), -1, "é"])).toEqual([
    { "/": { bytes: "/w" } },
    { "/": expect.stringMatching(/^bafkrei/) },
    -1,
    "é",
  ]);
  expect(toJson(new Link("dag-cbor", new Uint8Array(32)))).toEqual({
    "/": "bafyreiaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
  });
});

test("anything but a line is refused", () => {
  const good = JSON.parse(toLine(line(1)));
  const texts = [
    "",
    "[]",
    "null",
    '{"seq":1}',
    JSON.stringify({ ...good, seq: -1 }),
    JSON.stringify({ ...good, seq: "1" }),
    JSON.stringify({ ...good, cid: 1 }),
    JSON.stringify({ ...good, block: "*" }),
    JSON.stringify({ ...good, block: null }),
    JSON.stringify({ ...good, payload: undefined }),
    " ".repeat(LINE_LENGTH_MAX + 1),
  ];
  const refusal = expect.objectContaining({ code: "bad-request" });
  for (const text of texts) expect(() => parseLine(text)).toThrow(refusal);
});
