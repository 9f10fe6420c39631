// The probe once more: it does the same, and has another digest.

import { concat } from "../../src/lib/bytes.ts";
import { bindings, must, theater } from "./stage.ts";

export async function otherProbe(): Promise<string> {
  const probe = await (await bindings.PROBE.fetch("http://probe/")).bytes();
  const section = Uint8Array.of(0, 3, 1, 0x78, 0); // a custom section, "x"
  return must(await theater.upload(concat([probe, section]))).component;
}
