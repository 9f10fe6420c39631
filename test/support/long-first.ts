// The order of the test files: whole servers first, which take half a minute a file, and what takes a moment last,
// so that at the end no worker waits for another's long file.

import { BaseSequencer, type TestSpecification } from "vitest/node";

const PROJECTS = ["process", "runtime", "node", "workers"];

export class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => rank(a) - rank(b));
  }
}

const rank = ({ project }: TestSpecification): number => PROJECTS.indexOf(project.name);
