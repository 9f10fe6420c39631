// What a trigger leads to, before the decision gets its number. Shared by the failures, the commands and
// the groups that each compose a part of it.

import type { Supervisor } from "./children.ts";
import type { PlanOrigin, Step } from "./plan.ts";
import type { Verdict } from "./trigger.ts";

/** Steps, the supervisor as it is once they are decided, and the plans that they take over. */
export interface Steps {
  readonly steps: readonly Step[];
  readonly supervisor: Supervisor;
  readonly absorbs: readonly number[];
}

export interface Outcome extends Steps {
  readonly verdict: Verdict;
  readonly origin: PlanOrigin;
  readonly reason: string;
  /** Absent: no. */
  readonly counted?: boolean;
}
