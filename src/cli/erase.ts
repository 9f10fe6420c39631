// `theater erase`: takes a person's data out of a chain. The chain and every proof of it stay valid.

import { actorPath } from "./actors.ts";
import { asCount, asObject, asText, askJson } from "./client.ts";
import type { Context } from "./context.ts";

export async function erase(
  { connection, output }: Context,
  id: string,
  seqs: readonly number[],
  reason: string,
): Promise<void> {
  const answer = await askJson(connection, "POST", `${actorPath(id)}/chain/erase`, {
    body: JSON.stringify({ seqs, reason }),
    headers: { "content-type": "application/json" },
  });
  const event = asObject(answer["event"], "event");
  const place = `${asCount(event["seq"], "seq")}:${asText(event["cid"], "cid")}`;
  output.show(answer, () => `erased ${seqs.join(", ")}, as event ${place} says`);
  if (answer["complete"] !== true) {
    output.note(
      "the ledger or the store does not answer: the server goes on until it is done there too",
    );
  }
}
