// Who is on a supervisor's list when it begins, and who may join it.

import { newChild, type Child, type Supervisor } from "./children.ts";
import { CHILDREN_MAX, problemOfChild, type ChildSpec, type SupervisorSpec } from "./spec.ts";

/**
 * The children of the manifest in its order, as OTP starts them, then those that were spawned and have
 * survived: OTP has lost those by now. What is known of a child (its incarnation, whether it runs) stays.
 */
export function bootChildren(spec: SupervisorSpec, known: readonly Child[]): Child[] {
  const before = new Map(known.map((child) => [child.spec.id, child]));
  const named = spec.children.map((child) => {
    const old = before.get(child.id);
    return { ...(old ?? newChild(child, false)), spec: child, dynamic: false, failures: 0 };
  });
  const names = new Set(spec.children.map(({ id }) => id));
  const survivors = known
    .filter((child) => !names.has(child.spec.id))
    .map((child) => ({ ...child, failures: 0 }));
  return [...named, ...survivors];
}

/** Why a spawned child may not join, as a sentence; null where it may. Ask before the child is born. */
export function problemOfJoining(
  spec: SupervisorSpec,
  supervisor: Supervisor,
  child: ChildSpec,
): string | null {
  if (supervisor.phase !== "up") return "The supervisor is ending: spawn when it is up again.";
  if (supervisor.children.some((other) => other.spec.id === child.id)) {
    return `There is a child "${child.id}" already: choose another name.`;
  }
  if (supervisor.children.length >= CHILDREN_MAX) {
    return `A supervisor has at most ${CHILDREN_MAX} children: delete some, or spawn from a child.`;
  }
  const problem = problemOfChild(spec, child);
  return problem === null ? null : `"${child.id}": ${problem.message}.`;
}
