// Ends a run with the one line that CI looks for.

import type { Reporter, TestModule } from "vitest/node";

export default class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const count = (state: string): number =>
      tests.filter((each) => each.result().state === state).length;
    // A file that could not be loaded and an error outside of any test fail the run without a failed test.
    const broken = modules.filter(
      (module) => module.state() === "failed" && module.errors().length > 0,
    ).length;
    const failed = count("failed") + broken + errors.length;
    const skipped = count("skipped");
    const tail = skipped === 0 ? "" : `, ${skipped} skipped`;
    // After the default reporter's own summary.
    process.once("exit", () =>
      process.stdout.write(`${count("passed")} passed, ${failed} failed${tail}\n`),
    );
  }
}
