// Random trees of supervisors under random trouble: src/supervision against an OTP supervisor simulated as
// processes with mailboxes (otp-process.ts). Both must start, stop and end the same actors in the same order.

import fc from "fast-check";
import { expect, test } from "vitest";
import { Driver } from "./driver.ts";
import { runReference } from "./otp-process.ts";
import { script } from "./scripts.ts";

const RUNS = 3_000;

test(
  "a tree of supervisors does what OTP's would, start by start and stop by stop",
  { timeout: 60_000 },
  () => {
    fc.assert(
      fc.property(script, (each) => {
        const driver = new Driver(each);
        driver.run();
        expect(driver.world.log).toEqual(runReference(each));
      }),
      { numRuns: RUNS },
    );
  },
);
