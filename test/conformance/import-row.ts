// What a row of the conformance table says of an imported function: calls, and what they give.

import { expect } from "vitest";
import type { Scene } from "./scene.ts";

/** Arguments, what they give, and the function, where it is another than the row's: to see what happened. */
export type RowCall = readonly [args: readonly unknown[], gives: unknown, about?: string];
type RowCalls = (at: Scene) => readonly RowCall[];

export interface ImportRow {
  works: RowCalls;
  /** On the actor with the narrow grants; without it the handler has no grant in part. */
  denied?: RowCalls;
  /** Calls with arguments that WIT lets through and the handler does not, or why there are none. */
  bad: RowCalls | string;
  /** The last turn of the actor is made of these. */
  isLast?: boolean;
}

/** By the function's name. */
export type ImportRows = Readonly<Record<string, ImportRow>>;

export const ok = (value: unknown): unknown => ({ ok: value });
export const err = (reason: RegExp): unknown => ({ err: expect.stringMatching(reason) as unknown });
export const bytes = (text: string): string => btoa(text);
export const NO_INPUT = "takes no input";
