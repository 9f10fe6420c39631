// `theater trust`: the keys whose signatures count. Rule: nothing is pinned because a server says so; a key
// that comes from a server is shown, and pinned only where the person says that she compared it.

import { openCheckpoint, originOf } from "../chain/checkpoint.ts";
import { parseVerifierKey, verifierKey, type TrustedKey } from "../chain/note.ts";
import { TheaterError } from "../lib/errors.ts";
import { linesOfServer } from "./chain-source.ts";
import { fields, printable } from "./output.ts";
import type { Context } from "./context.ts";
import { fetchCheckpoint } from "./proofs-client.ts";
import { readGenesis, type Genesis } from "./signing.ts";
import { readTrust, trustPath, writeTrust } from "./trust-file.ts";

/** Pins a verifier key. A second one of the same name only with `yes`: while one takes over from the other. */
export async function trust({ output }: Context, text: string, yes: boolean): Promise<void> {
  const key = parseVerifierKey(text.trim());
  await pin(key, yes);
  output.show({ trusted: verifierKey(key) }, () => `trusted: ${printable(verifierKey(key))}`);
}

export async function listTrusted({ output }: Context): Promise<void> {
  const keys = (await readTrust()).map(verifierKey);
  output.note(trustPath());
  output.show(keys, () => (keys.length === 0 ? "no trusted keys" : keys.map(printable).join("\n")));
}

/** `name` may be a whole verifier key too, where a name has two. */
export async function distrust({ output }: Context, name: string): Promise<void> {
  const keys = await readTrust();
  const isMeant = (key: TrustedKey): boolean => key.name === name || verifierKey(key) === name;
  const removed = keys.filter(isMeant).map(verifierKey);
  if (removed.length === 0) {
    const message = `No trusted key has this name: see theater trust --list.`;
    throw new TheaterError("not-found", message, { name });
  }
  await writeTrust(keys.filter((key) => !isMeant(key)));
  output.show({ removed }, () => `no longer trusted: ${removed.map(printable).join(", ")}`);
}

/** The key that an actor's first event names. Its id is derived from that event, so nobody can change it later. */
export async function trustFrom(context: Context, id: string, yes: boolean): Promise<void> {
  const { output } = context;
  const genesis = await fetchGenesis(context, id);
  if (genesis.key === null) {
    const message =
      "This actor's log had no key when the actor was created: there is none to trust.";
    throw new TheaterError("unsupported", message, { log: genesis.log });
  }
  const key = { name: genesis.log, publicKey: genesis.key };
  const signed = await signedTo(context, genesis, key);
  if (yes) await pin(key, false);
  const isTrusted = (await readTrust()).some((one) => verifierKey(one) === verifierKey(key));
  const shown = { log: key.name, key: verifierKey(key), signedTo: signed, trusted: isTrusted };
  output.show(shown, () =>
    fields([
      ["log", printable(key.name)],
      ["key", printable(verifierKey(key))],
      ["signs", signed === null ? "not the newest checkpoint" : `this actor's events to ${signed}`],
      ["trusted", isTrusted ? "yes" : "no"],
    ]),
  );
  if (!isTrusted) {
    output.note(
      "compare this key with one that the server's operator cannot change for you alone; " +
        "if it is the same, pin it: theater trust <key>",
    );
  }
}

async function pin(key: TrustedKey, another: boolean): Promise<void> {
  const keys = await readTrust();
  const same = keys.filter(({ name }) => name === key.name).map(verifierKey);
  if (same.includes(verifierKey(key))) return;
  if (same.length > 0 && !another) {
    throw new TheaterError(
      "wrong-state",
      "Another key of this name is trusted: find out why there are two, then remove that one, or add this one with --yes.",
      { trusted: same, given: verifierKey(key) },
    );
  }
  await writeTrust([...keys, key]);
}

async function fetchGenesis({ connection }: Context, id: string): Promise<Genesis> {
  for await (const { line } of linesOfServer(connection, id, { from: 0, to: 0 })) {
    const genesis = readGenesis(line.payload);
    if (genesis?.actor === id) return genesis;
  }
  const message = "Do not believe this server: what it shows is not the first event of this actor.";
  throw new TheaterError("chain-broken", message, { actor: id });
}

/** The last event under the key's signature; null where it signed no newest checkpoint. */
async function signedTo(
  { connection }: Context,
  genesis: Genesis,
  key: TrustedKey,
): Promise<number | null> {
  const note = await fetchCheckpoint(connection, genesis.actor);
  if (note === null) return null;
  try {
    return (await openCheckpoint(note, [key], originOf(genesis))).size - 1;
  } catch (thrown) {
    if (thrown instanceof TheaterError && thrown.evidence?.reason === "not-signed") return null;
    throw thrown;
  }
}
