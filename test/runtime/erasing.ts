// Erases payloads, and looks for what is left of them: in the storage of an actor, in D1 and in R2.

import { fromUtf8 } from "../../src/lib/bytes.ts";
import type { Erasure } from "../../src/runtime/protocol.ts";
import { bindings, hex, must, theater, type Probe } from "./stage.ts";

const erase = (actor: Probe, seqs: number[], reason = "asked for") =>
  theater.erase(actor.id, { seqs, reason, by: "tester" });

export async function erased(actor: Probe, seqs: number[]): Promise<Erasure> {
  return must(await erase(actor, seqs));
}

export async function refusal(actor: Probe, seqs: number[]): Promise<string> {
  const answer = await erase(actor, seqs);
  return answer.ok ? "erased" : answer.error.code;
}

/** Positions of the events of a type, newest last. */
export async function seqsOf(actor: Probe, type: string, about?: string): Promise<number[]> {
  const events = await actor.events();
  return events
    .filter((event) => event.type === type && (about === undefined || event.about === about))
    .map(({ seq }) => seq);
}

export async function newest(actor: Probe, type: string, about?: string): Promise<number> {
  return (await seqsOf(actor, type, about)).at(-1) ?? -1;
}

/** Where these bytes are, of all that an actor's storage, D1 and R2 hold. */
export async function copies(actor: Probe, needle: Uint8Array | string): Promise<string[]> {
  const found: string[] = [];
  const wanted = typeof needle === "string" ? hex(fromUtf8(needle)) : hex(needle);
  const look = (place: string, values: unknown[]): void => {
    if (values.some((value) => hexOf(value).includes(wanted))) found.push(place);
  };
  const tables =
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\'";
  for (const { name } of await actor.sql(tables)) {
    for (const row of await actor.sql(`SELECT * FROM "${name as string}"`)) {
      look(`object: ${name as string}`, Object.values(row));
    }
  }
  const { LEDGER, CONTENT } = bindings;
  const { results } = await LEDGER.prepare(`${tables} AND name NOT LIKE 'd1%'`).all();
  for (const { name } of results) {
    const rows = await LEDGER.prepare(`SELECT * FROM "${name as string}"`).raw();
    for (const row of rows) look(`D1: ${String(name)}`, row);
  }
  for (const { key } of (await CONTENT.list()).objects) {
    const object = await CONTENT.get(key);
    look("R2", [key, object === null ? "" : await object.bytes()]);
  }
  return [...new Set(found)];
}

function hexOf(value: unknown): string {
  if (typeof value === "string") return hex(fromUtf8(value));
  if (value instanceof ArrayBuffer) return hex(new Uint8Array(value));
  if (Array.isArray(value) || value instanceof Uint8Array) return hex(Uint8Array.from(value));
  return "";
}
