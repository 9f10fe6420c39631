// Why a test was skipped that needs something which not every machine has.

/** Also printed, since a reporter may only count what was skipped. */
export function missingTool(what: string, packages: string): string {
  const reason = `${what} is not installed (Debian: apt-get install ${packages})`;
  process.stderr.write(`skipped: ${reason}\n`);
  return reason;
}
