// docs/conformance.md: what its words mean, and how a cell says how calls ended.

import type { Observed } from "./scene.ts";

export const HEAD = `# Conformance

What every function of \`wit/\` does, as \`test/conformance\` saw it: called by a guest, or in a guest, on workerd
with D1, R2 and Durable Objects. The tests print this table, and fail where it is not what they saw.

- **works**: calls with good arguments gave what \`wit/\` says.
- **refused without grant**: the code with which an actor is refused whose manifest lacks the handler; \`call\` is
  what a call beyond a narrower grant gives. Such a denial is recorded too.
- **bad input**: what arguments give that WIT lets through and the function does not.
- **recorded**: the events of the calls and their outcomes. The arguments and results in the chain are those
  that the guest gave and got, and a replay of the chain agrees with it.
- **never called**: \`wit/\` has the signature, and a component may export it, but nobody calls it. A component that
  imports what no handler provides is refused when it is uploaded.

The guest is JavaScript. Another in plain C (\`test/fixtures/abi.c\`) does the same for values of every shape that
WIT has: what it passed and got is what the chain says, to the last bit.

`;

/** How the calls ended, for a reader: without what differs from run to run. */
export function endings(observed: readonly Observed[]): string {
  const said = observed.map(({ gave }) => {
    const { err } = (gave ?? {}) as { err?: string };
    return err === undefined ? JSON.stringify(gave) : `\`${shortened(err)}\``;
  });
  return [...new Set(said)].join(", ");
}

const ERROR_LENGTH_MAX = 56;

function shortened(error: string): string {
  const steady = error
    .replace(/http:\/\/127\.0\.0\.1:\d+/, "…")
    .replace(/\b(?:[a-z2-7]{32}|[0-9a-f]{32})\b/, "…");
  return steady.length <= ERROR_LENGTH_MAX ? steady : `${steady.slice(0, ERROR_LENGTH_MAX)}…`;
}
