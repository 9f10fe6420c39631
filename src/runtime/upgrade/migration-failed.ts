// A migration that gave no state, as the error that an upgrade ends with. The old component stays in force.

import { TheaterError } from "../../lib/errors.ts";
import type { Migrated } from "../../replay/migration.ts";

export function migrationFailed(made: Exclude<Migrated, { kind: "migrated" }>): TheaterError {
  if (made.kind === "refused") {
    const said = typeof made.error === "string" ? made.error : "no reason";
    return new TheaterError("guest-error", `migrate refused the state: ${said}`);
  }
  const { failure, code, message } = made;
  const error =
    failure === "trap" ? "guest-trap" : failure === "limit" ? "limit-exceeded" : "host-failure";
  return new TheaterError(error, `migrate failed (${failure}/${code}): ${message}`, {
    failure,
    code,
  });
}
