// What a supervisor and its children say to each other. Orders go down, notices go up; both are repeated
// until they are acknowledged, and a repetition always gets the first one's acknowledgement.

import type { ExitKind, StartFrom } from "../../supervision/spec.ts";

/** Where a chain stands, for the chain of somebody else: position and digest. */
export interface HeadMark {
  seq: number;
  digest: Uint8Array;
}

export interface Order {
  /** The supervisor's id; a child obeys no one else. */
  parent: string;
  /** Of the supervisor's plan; for people. */
  operation: string;
  /** Which start of the child this is about. Orders about older ones change nothing. */
  incarnation: number;
  what: "start" | "stop" | "kill";
  /** For a start. */
  from: StartFrom;
  /** The operator who asked for it, where one did. */
  by: string | null;
  /** Its genesis block, as long as the supervisor does not know that the child was born. */
  genesis: Uint8Array | null;
}

/** `unborn`: nobody was born there, and no birth up to this incarnation will happen any more. */
export type Obeyed = { saw: "unborn" } | Answered;

export type Answered = { head: HeadMark } & (
  | { saw: "started" }
  /** `notice`: it was down before anybody ordered it, and its supervisor has not been told yet. */
  | { saw: "stopped"; notice: Notice | null }
  | { saw: "start-failed"; kind: ExitKind; detail: string }
);

/** A child is down, and nobody had ordered it. */
export interface Notice {
  child: string;
  incarnation: number;
  kind: ExitKind;
  /** A code or a few words. */
  detail: string;
  /** The operator who ended or deleted it, where one did. */
  by: string | null;
  /** It was down already, and never runs again. */
  isDeleted: boolean;
  /** What the child gave to `shutdown`. */
  data: Uint8Array | null;
  head: HeadMark;
}
