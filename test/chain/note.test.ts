// Signed notes against the published examples (Go's sumdb/note, sum.golang.org, C2SP), and against every
// way to respell or alter one.

import fc from "fast-check";
import { expect, test } from "vitest";
import { importLogKey, newLogSecret, verifySignature, type LogKey } from "../../src/chain/keys.ts";
import {
  isKeyName,
  noteText,
  openNote,
  parseNote,
  parseVerifierKey,
  signNote,
  verifierKey,
} from "../../src/chain/note.ts";
import { fromHex, fromUtf8, toBase64, toHex } from "../../src/lib/bytes.ts";
import { present } from "./present.ts";

// From the documentation of golang.org/x/mod/sumdb/note.
const PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const PETER_SECRET = "gQoUAtUUbI2E8kQzMPVAgOv5juF9nHT2JS/F1ccoMXM=";
const ENOCH = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop";
const TEXT =
  "If you think cryptography is the answer to your problem,\n" +
  "then you don't know what your problem is.\n";
const PETER_LINE =
  "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
const ENOCH_LINE =
  "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n";
const SIGNED = `${TEXT}\n${PETER_LINE}`;
const SUMDB = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
const SUMDB_NOTE =
  "go.sum database tree\n6476701\nmb8QLQIs0Z0yP5Cstq6guj87oXWeC9gEM8oVikmm9Wk=\n\n" +
  "— sum.golang.org Az3grsLX85Gz+s1SiTbgkuqxgItqFq7gsMUEyVnrsa9LM7Us9S+1xbFIGu95949rj4nPRYfvimWEPWL+o3GeoWwOoAw=\n";

const peter = parseVerifierKey(PETER);
const enoch = parseVerifierKey(ENOCH);
const malformed = expect.objectContaining({ code: "bad-request" });
const because = (reason: string): unknown =>
  expect.objectContaining({ code: "chain-broken", evidence: expect.objectContaining({ reason }) });

test("the published notes are opened with the published keys", async () => {
  expect(await openNote(SIGNED, [peter])).toEqual({ text: TEXT, signedBy: [peter] });
  const both = SIGNED + ENOCH_LINE;
  expect((await openNote(both, [enoch, peter])).signedBy).toEqual([peter, enoch]);
  expect((await openNote(both, [enoch])).signedBy).toEqual([enoch]);
  const sumdb = await openNote(SUMDB_NOTE, [parseVerifierKey(SUMDB)]);
  expect(sumdb.text).toBe(SUMDB_NOTE.slice(0, SUMDB_NOTE.indexOf("\n\n") + 1));
});

test("the published secret makes the published key and, byte for byte, the published note", async () => {
  const key = await importLogKey(PETER_SECRET);
  expect(verifierKey({ name: "PeterNeumann", publicKey: key.publicKey })).toBe(PETER);
  expect(await signNote([{ name: "PeterNeumann", key }], TEXT)).toBe(SIGNED);
});

test("the first vector of RFC 8032 comes out", async () => {
  const seed = fromHex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
  const key = await importLogKey(toBase64(present(seed)));
  expect(toHex(key.publicKey)).toBe(
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
  );
  expect(toHex(await key.sign(new Uint8Array()))).toBe(
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
  );
});

test("a note without a known signer, or with a bad signature of one, is worth nothing", async () => {
  await expect(openNote(SIGNED, [])).rejects.toEqual(because("not-signed"));
  await expect(openNote(SIGNED, [enoch])).rejects.toEqual(because("not-signed"));
  const other = { ...enoch, name: "PeterNeumann" };
  await expect(openNote(SIGNED, [other])).rejects.toEqual(because("not-signed"));
  const forged = PETER_LINE.replace("x08go/ZJ", "x08go/ZK");
  await expect(openNote(`${TEXT}\n${forged}`, [peter])).rejects.toEqual(because("bad-signature"));
  // A good signature beside it does not help.
  const mixed = `${TEXT}\n${ENOCH_LINE}${forged}`;
  await expect(openNote(mixed, [enoch, peter])).rejects.toEqual(because("bad-signature"));
  await expect(openNote(`${TEXT}\n${PETER_LINE}${forged}`, [peter])).rejects.toEqual(
    because("bad-signature"),
  );
  expect((await openNote(mixed, [enoch])).signedBy).toEqual([enoch]);
});

test("any changed byte of a signed note is found", async () => {
  const bytes = fromUtf8(SIGNED);
  for (let at = 0; at < bytes.length; at++) {
    const copy = new Uint8Array(bytes);
    copy[at] = (copy[at] ?? 0) ^ (1 + (at % 127));
    const opened = Promise.resolve(copy).then((bent) => openNote(noteText(bent), [peter]));
    const code: unknown = expect.stringMatching(/^(?:bad-request|chain-broken)$/);
    await expect(opened).rejects.toMatchObject({ code });
  }
});

test("what is not exactly a note is refused", () => {
  const sign = PETER_LINE;
  const broken: [string, string][] = [
    ["nothing", ""],
    ["no signature", `${TEXT}\n`],
    ["no empty line", TEXT + sign],
    ["no end of line", SIGNED.slice(0, -1)],
    ["an empty text", `\n${sign}`],
    ["a carriage return", SIGNED.replace(",\n", ",\r\n")],
    ["a tab", SIGNED.replace("answer", "\tanswer")],
    ["half a surrogate pair", SIGNED.replace("answer", "\ud800")],
    ["a hyphen for the dash", SIGNED.replace("—", "-")],
    ["two spaces", SIGNED.replace("— P", "—  P")],
    ["a trailing space", SIGNED.replace("AM=\n", "AM= \n")],
    ["a plus in the name", SIGNED.replace("PeterN", "Peter+N")],
    ["a non-breaking space in the name", SIGNED.replace("PeterN", "Peter\u{a0}N")],
    ["a line of prose below", `${SIGNED}and so on\n`],
    ["base64 without padding", SIGNED.replace("AM=\n", "AM\n")],
    ["base64 with stray bits", SIGNED.replace("AM=\n", "AN=\n")],
    ["a key id and no signature", `${TEXT}\n— PeterNeumann x08gow==\n`],
    ["too many signatures", SIGNED + sign.repeat(64)],
    ["too many bytes", `${"a".repeat(70_000)}\n\n${sign}`],
  ];
  for (const [, note] of broken) {
    expect(() => parseNote(note)).toThrow(malformed);
  }
  expect(() => noteText(Uint8Array.of(0xff, 0x0a))).toThrow(malformed);
  expect(parseNote(SIGNED + sign.repeat(63)).signatures.length).toBe(64);
});

test("a text may hold empty lines and more signatures below another note", async () => {
  const key = await importLogKey(PETER_SECRET);
  const text = `${SIGNED}\nand this\n`;
  const note = await signNote([{ name: "PeterNeumann", key }], text);
  expect(await openNote(note, [peter])).toEqual({ text, signedBy: [peter] });
});

test("verifier keys that were copied badly are refused", () => {
  const bad = [
    "",
    PETER.replace("c74f20a3", "c74f20a4"),
    PETER.replace("c74f20a3", "C74F20A3"),
    PETER.replace("PeterNeumann", "Peter Neumann"),
    PETER.replace("PeterNeumann", "PeterNewmann"),
    PETER.slice(0, -4),
    `${PETER} `,
    // Go's test vector of an unknown algorithm whose id fits.
    "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
  ];
  for (const text of bad) expect(() => parseVerifierKey(text)).toThrow(malformed);
  expect(["a/b", "ü", ""].map(isKeyName)).toEqual([true, true, false]);
  expect(["a b", "a+b", "a\u{85}b", "a\u{2028}b", "a\0"].map(isKeyName)).toEqual(
    Array.from({ length: 5 }, () => false),
  );
});

test("only base64 of exactly 32 bytes is a secret, and a refusal does not repeat it", async () => {
  for (const bad of [
    "",
    "hunter2",
    PETER_SECRET.slice(4),
    PETER_SECRET.replace("=", ""),
    "00".repeat(32),
  ]) {
    const refused = await importLogKey(bad).catch((error: unknown) => error);
    expect(refused).toEqual(malformed);
    expect(String(refused)).not.toContain(bad === "" ? PETER_SECRET : bad);
  }
  const key = await importLogKey(`${PETER_SECRET}\n`);
  expect(key.publicKey).toEqual(peter.publicKey);
  expect(JSON.stringify(key)).not.toContain(PETER_SECRET.slice(0, 8));
});

test("what a new key signs, its public half verifies, and nothing else", async () => {
  const key: LogKey = await importLogKey(newLogSecret());
  const { publicKey } = key;
  const rival = await importLogKey(newLogSecret());
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.nat(63), async (message, at) => {
      const signature = await key.sign(message);
      expect(await verifySignature({ publicKey, message, signature })).toBe(true);
      const longer = new Uint8Array([...message, 0]);
      expect(await verifySignature({ publicKey, message: longer, signature })).toBe(false);
      const bent = signature.with(at, (signature[at] ?? 0) ^ 1);
      expect(await verifySignature({ publicKey, message, signature: bent })).toBe(false);
      const other = { publicKey: rival.publicKey, message, signature };
      expect(await verifySignature(other)).toBe(false);
    }),
    { numRuns: 50 },
  );
  const odd = { publicKey: publicKey.slice(1), message: publicKey, signature: new Uint8Array(64) };
  expect(await verifySignature(odd)).toBe(false);
});
