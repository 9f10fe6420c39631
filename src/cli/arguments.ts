// Arguments of commands as values. What is refused here is wrong usage, exit code 2.

import { InvalidArgumentError } from "commander";

/** For an argument that may stand several times. */
export function wholeNumbers(text: string, before: number[] | undefined): number[] {
  return [...(before ?? []), wholeNumber(text)];
}

export function wholeNumber(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It must be a whole number.");
}

export function port(text: string): number {
  const number = wholeNumber(text);
  if (number <= 65_535) return number;
  throw new InvalidArgumentError("A port is at most 65535.");
}

export function shards(text: string): number {
  const number = wholeNumber(text);
  if (number >= 1 && number <= 8) return number;
  throw new InvalidArgumentError("A ledger has 1 to 8 shards.");
}

export function count(text: string): number {
  const number = wholeNumber(text);
  if (number >= 1) return number;
  throw new InvalidArgumentError("It must be 1 or more.");
}

/** ms since the epoch: `7d`, `12h`, `30m` ago, ISO 8601 with its zone, or ms since 1970. */
export function moment(text: string): number {
  const [, amount, unit] = /^(\d{1,6})([dhm])$/.exec(text) ?? [];
  const unitMs = unit === undefined ? undefined : UNIT_MS[unit];
  if (amount !== undefined && unitMs !== undefined) return Date.now() - Number(amount) * unitMs;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  const ms = /^\d{4}-\d\d-\d\d(T.*(Z|[+-]\d\d:\d\d))?$/.test(text) ? Date.parse(text) : NaN;
  if (!Number.isNaN(ms)) return Math.max(0, ms);
  throw new InvalidArgumentError("It must be like 7d, 12h or 30m, or like 2026-11-22T10:00:00Z.");
}

const UNIT_MS: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000, m: 60_000 };

export function eventRef(text: string): { seq: number; cid: string } {
  const [, seq, cid] = /^(\d{1,15}):(b[a-z2-7]{58})$/.exec(text) ?? [];
  if (seq !== undefined && cid !== undefined) return { seq: Number(seq), cid };
  throw new InvalidArgumentError("It must be <seq>:<cid>, as in the header Theater-Event.");
}
