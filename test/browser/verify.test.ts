// The verifier in a real browser: the page of docs/proofs.md, as it stands there, says what Node says. The
// browser has another SHA-256 (noble's) and another WebCrypto, so agreeing is not a matter of course.

import { readFileSync } from "node:fs";
import { build } from "esbuild";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test, type TestContext } from "vitest";
import { writeChainCar } from "../../src/chain/car.ts";
import { parseCid } from "../../src/chain/cid.ts";
import { verifyExport, type Known, type verifyReceiptText } from "../../src/chain/evidence.ts";
import { importLogKey } from "../../src/chain/keys.ts";
import type { Line } from "../../src/chain/ndjson.ts";
import { verifierKey } from "../../src/chain/note.ts";
import { concat, toBase64 } from "../../src/lib/bytes.ts";
import { ensureTheaterError } from "../../src/lib/errors.ts";
import { present } from "../chain/present.ts";
import { rewrittenFrom } from "../chain/rewritten-chain.ts";
import { digestOf, sampleChain } from "../chain/sample-chain.ts";
import { LOG, logKey, SignedChain } from "../chain/signed-chain.ts";
import { missingTool } from "../support/missing-tool.ts";
import { chromiumPath, launchChromium, serveSite, type Site } from "./chromium.ts";

const ENTRY = "src/chain/evidence.ts";
const TIMEOUT_MS = 120_000;
const FLIPS = 300;

/** For tests that ask the verifier in the page itself; `import()` in their own text would be vitest's. */
const DRIVER = `import * as verifier from "/verify.js"; globalThis.verifier = verifier;`;
interface Driven {
  verifier: { verifyExport: typeof verifyExport; verifyReceiptText: typeof verifyReceiptText };
}

let browser: Browser | undefined;
let site: Site | undefined;
let page: Page | undefined;
const errors: string[] = [];

/** The first block of HTML in the document. */
function documentedPage(): string {
  const [, html] = /```html\n(.*?)```/s.exec(readFileSync("docs/proofs.md", "utf8")) ?? [];
  return present(html);
}

async function bundle(): Promise<string> {
  const options = { bundle: true, format: "esm", minify: true, write: false } as const;
  const { outputFiles } = await build({ ...options, entryPoints: [ENTRY], logLevel: "error" });
  return present(outputFiles[0]).text;
}

beforeAll(async () => {
  if (chromiumPath === undefined) return;
  site = await serveSite({
    "/": ["text/html", documentedPage()],
    "/verify.js": ["text/javascript", await bundle()],
    "/driver.js": ["text/javascript", DRIVER],
    "/favicon.ico": ["image/x-icon", ""],
  });
  browser = await launchChromium(chromiumPath);
  page = await browser.newPage();
  page.on("pageerror", ({ message }) => errors.push(message));
  page.on("console", (line) => line.type() === "error" && errors.push(line.text()));
  await page.goto(site.url);
  await page.addScriptTag({ url: "/driver.js", type: "module" });
}, TIMEOUT_MS);

afterAll(async () => {
  await browser?.close();
  await site?.close();
});

function opened({ skip }: TestContext): Page {
  return page ?? skip(missingTool("chromium", "chromium"));
}

const chain = sampleChain();
const head = chain.head();
const keys = [verifierKey({ name: LOG, publicKey: logKey.publicKey })];
const signed = new SignedChain(chain);

async function carOf(lines: readonly Line[]): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const root = parseCid(lines.at(-1)?.cid ?? "");
  const car = writeChainCar(root, lines, chain.raw);
  for await (const chunk of car) chunks.push(chunk);
  return concat(chunks);
}

/** Hands the files to the page as a person does; what it then shows. */
async function shown(
  view: Page,
  files: { car: Uint8Array; note: string; key?: string },
): Promise<unknown> {
  const { car, note, key = keys[0] ?? "" } = files;
  const file = (name: string, bytes: Uint8Array | string) => ({
    name,
    mimeType: "application/octet-stream",
    buffer: Buffer.from(bytes),
  });
  await view.setInputFiles("#car", file("x.car", car));
  await view.setInputFiles("#note", file("x.checkpoint", note));
  await view.fill("#key", key);
  await view.click("#verify");
  await view.waitForFunction('document.querySelector("#report").textContent.length > 1');
  return JSON.parse((await view.textContent("#report")) ?? "");
}

/** What Node says, as far as JSON carries it. */
async function inNode(car: Uint8Array, known: Known): Promise<unknown> {
  const said = await verifyExport(new Blob([car.slice()]), known).catch((thrown: unknown) => {
    const { code, message } = ensureTheaterError(thrown);
    return { verdict: code, message };
  });
  return JSON.parse(JSON.stringify(said));
}

test("the bundle imports nothing, and is small enough for a page", async () => {
  const source = await bundle();
  expect(source).not.toMatch(/\b(?:from|import|require)\s*\(?["']/);
  expect(source.length).toBeLessThan(60_000);
});

test(
  "the documented page verifies an export with its checkpoint",
  async (context) => {
    const view = opened(context);
    const [car, note] = [await carOf(chain.lines), await signed.note()];
    const report = await shown(view, { car, note });
    expect(report).toMatchObject({
      verdict: "verified",
      actor: chain.actor,
      events: chain.lines.length,
      head,
      firstBad: null,
      signed: { signedTo: chain.lines.length, contradiction: null },
      signedBy: [expect.stringContaining(signed.origin)],
    });
    expect(report).toEqual(await inNode(car, { checkpoint: { note, keys } }));
    expect(errors).toEqual([]);
  },
  TIMEOUT_MS,
);

test(
  "the documented page names the event in which one byte was changed, as Node does",
  async (context) => {
    const view = opened(context);
    const [car, note] = [await carOf(chain.lines), await signed.note()];
    const needle = present(chain.lines[7]).block;
    const at = Buffer.from(car).indexOf(needle) + 20;
    const bent = car.with(at, (car[at] ?? 0) ^ 1);
    const report = await shown(view, { car: bent, note });
    expect(report).toMatchObject({ verdict: "broken", events: 7, firstBad: { seq: 7 } });
    expect(report).toEqual(await inNode(bent, { checkpoint: { note, keys } }));
  },
  TIMEOUT_MS,
);

test(
  "an ending that was rewritten with hashes that fit is caught by the checkpoint alone",
  async (context) => {
    const view = opened(context);
    const note = await signed.note();
    const car = await carOf(rewrittenFrom(chain.lines, 5, ({ turn }) => ({ turn: turn + 1 })));
    expect(await inNode(car, {})).toMatchObject({ verdict: "verified" });
    const report = await shown(view, { car, note });
    const firstBad = { seq: 0, problem: "not-as-signed" };
    expect(report).toMatchObject({ verdict: "broken", firstBad, signedBy: [] });
    expect(report).toEqual(await inNode(car, { checkpoint: { note, keys } }));
  },
  TIMEOUT_MS,
);

test(
  "a note that another key signed, of another chain, or none at all is refused",
  async (context) => {
    const view = opened(context);
    const car = await carOf(chain.lines);
    const other = await importLogKey(toBase64(digestOf("another log")));
    const elsewhere = new SignedChain({ lines: chain.lines, actor: "a".repeat(32) });
    const bent = (await signed.note()).replace(/(.)(?=.{9}\n$)/, (one) =>
      one === "A" ? "B" : "A",
    );
    const notes = [
      ["chain-broken", await new SignedChain(chain, other).note()],
      ["chain-broken", bent],
      ["broken", await elsewhere.note()],
      ["bad-request", "no note"],
    ] as const;
    for (const [verdict, note] of notes) {
      const report = await shown(view, { car, note });
      expect(report).toMatchObject({ verdict });
      expect(report).toEqual(await inNode(car, { checkpoint: { note, keys } }));
    }
  },
  TIMEOUT_MS,
);

test(
  "hundreds of tampered exports get the same report in the browser as in Node",
  async (context) => {
    const view = opened(context);
    const car = await carOf(chain.lines);
    const checkpoint = { note: await signed.note(), keys };
    // Spread over the whole file, and not a multiple of anything in it.
    const places = Array.from({ length: FLIPS }, (_, n) => (n * 7919 + 13) % car.length);
    const cuts = Array.from({ length: 40 }, (_, n) => Math.floor((n * car.length) / 40));
    const work = { base64: toBase64(car), places, cuts, known: { head, checkpoint } };
    const reports: unknown = JSON.parse(
      await view.evaluate(async ({ base64, places: at, cuts: ends, known }) => {
        const { verifier } = globalThis as unknown as Driven;
        const whole = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
        const files = [
          ...at.map((place) => whole.with(place, (whole[place] ?? 0) ^ 1)),
          ...ends.map((end) => whole.slice(0, end)),
        ];
        const all = [];
        for (const file of files) all.push(await verifier.verifyExport(new Blob([file]), known));
        return JSON.stringify(all);
      }, work),
    );
    const files = [
      ...places.map((place) => car.with(place, (car[place] ?? 0) ^ 1)),
      ...cuts.map((end) => car.slice(0, end)),
    ];
    const expected = [];
    for (const file of files) expected.push(await inNode(file, work.known));
    expect(
      expected.filter((report) => (report as { verdict: string }).verdict !== "broken"),
    ).toEqual([]);
    expect(reports).toEqual(expected);
  },
  TIMEOUT_MS,
);

test(
  "a receipt is verified in the browser, and not with a changed byte",
  async (context) => {
    const view = opened(context);
    const receipt = await signed.receipt(2, 7);
    const verdicts = await view.evaluate(
      async ({ text, trusted }) => {
        const { verifier } = globalThis as unknown as Driven;
        const bent = text.replace(/\nextra (.{40})./, "\nextra $1+");
        const both = [text, bent].map((one) => verifier.verifyReceiptText(one, trusted));
        return (await Promise.all(both)).map(({ verdict }) => verdict);
      },
      { text: receipt, trusted: keys },
    );
    expect(verdicts).toEqual(["verified", "broken"]);
  },
  TIMEOUT_MS,
);
