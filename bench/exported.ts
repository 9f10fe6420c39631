// One chain as a CAR, as a bench wants it: taken in whole from the server, and verified as if it came from a file.

import { verifyCar } from "../src/chain/verify-car.ts";
import type { Bench } from "./server.ts";

/** Events that were verified. Throws where the chain is not whole. */
export async function verified(car: Uint8Array, actor: string): Promise<number> {
  const report = await verifyCar(chunksOf(car), { actor });
  if (report.verdict !== "verified") throw new Error(JSON.stringify(report.firstBad));
  return report.events;
}

export async function exported({ server }: Bench, actor: string): Promise<Uint8Array> {
  const headers = {
    authorization: `Bearer ${server.token}`,
    accept: "application/vnd.ipld.car",
  };
  const response = await fetch(`${server.url}/v1/actors/${actor}/chain`, { headers });
  return new Uint8Array(await response.arrayBuffer());
}

async function* chunksOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  const step = 64 * 1024;
  for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step);
}
