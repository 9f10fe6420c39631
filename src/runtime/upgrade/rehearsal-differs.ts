// The refusal of an upgrade whose component would have done something else, with both sides.

import { TheaterError } from "../../lib/errors.ts";
import type { ReportedDifference } from "../../replay/report.ts";
import { rehearsedBy, type RehearsalMark } from "./upgrade-input.ts";

export function differs(mark: RehearsalMark, difference: ReportedDifference): TheaterError {
  const { seq, turn } = difference;
  const message =
    `The component would have done something else in turn ${turn}, at event ${seq}. If that is what it is for, ` +
    `accept it with a reason.`;
  const rehearsal = { ...rehearsedBy(mark, null), to: seq, verdict: "diverged" };
  return new TheaterError("rehearsal-differs", message, { rehearsal, difference });
}
