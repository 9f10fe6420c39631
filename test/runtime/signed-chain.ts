// What a signed checkpoint says of a chain that fits in itself: where the first event is that was not signed so.

import { cidText, parseCid } from "../../src/chain/cid.ts";
import { writeChainCar } from "../../src/chain/car.ts";
import { openCheckpoint, originOf, signCheckpoint } from "../../src/chain/checkpoint.ts";
import { importLogKey, newLogSecret } from "../../src/chain/keys.ts";
import { Frontier, leafHash } from "../../src/chain/tree.ts";
import { Link } from "../../src/chain/value.ts";
import { verifyCar } from "../../src/chain/verify-car.ts";
import type { SourceEntry } from "../../src/replay/source.ts";

const LOG = "log.test";
const key = importLogKey(newLogSecret());

/** The seq that the trusted key's checkpoints at `at` and right behind it name in the changed chain. */
export async function notAsSigned(
  actor: string,
  {
    entries,
    changed,
    at,
  }: { entries: readonly SourceEntry[]; changed: readonly SourceEntry[]; at: number },
): Promise<number | null> {
  const origin = originOf({ log: LOG, actor });
  const own = await key;
  const trusted = [{ name: LOG, publicKey: own.publicKey }];
  const frontier = new Frontier();
  const checkpoints = [];
  for (const { seq, block } of entries.slice(0, at + 1)) {
    frontier.append(leafHash(block));
    if (seq < at - 1) continue;
    const { size } = frontier;
    const note = await signCheckpoint([own], { origin, size, root: frontier.root() });
    checkpoints.push(await openCheckpoint(note, trusted, origin));
  }
  const head = changed.at(-1);
  const root = new Link(
    "dag-cbor",
    parseCid(head?.cid ?? cidText(new Link("dag-cbor", new Uint8Array(32)))).digest,
  );
  const { firstBad } = await verifyCar(writeChainCar(root, changed), { actor, checkpoints });
  return firstBad?.seq ?? null;
}
