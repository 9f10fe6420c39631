// The bindings of the Worker, as wrangler.toml names them. Read in the composition root and in the
// actor's constructor, nowhere else.

import { Log } from "./notary.ts";
import type { ActorRpc } from "./protocol.ts";
import { SEAL_EVENTS } from "./sealer.ts";

export interface Environment {
  ACTOR: DurableObjectNamespace;
  LEDGER: D1Database;
  CONTENT: R2Bucket;
  LOADER: WorkerLoader;
  /** Names this deployment in every genesis; never changed after the first actor. */
  LOG_NAME: string;
  /** Events that stay in D1 and in the object before older ones are sealed into R2; 10,000 by default. */
  SEAL_EVENTS?: string;
  /** Secret: base64 of the log's Ed25519 private key, 32 bytes. Without one nothing is signed. */
  LOG_KEY?: string;
  /** Hex sha256 of each bearer token, separated by commas. Nobody is answered without one. */
  THEATER_TOKEN_SHA256?: string;
}

/** One per isolate and key: importing a key costs more than signing with it. */
const logs = new Map<string, Log>();

export function logOf({ LOG_NAME, LOG_KEY }: Environment): Log {
  const name = `${LOG_NAME} ${LOG_KEY ?? ""}`;
  const log = logs.get(name) ?? new Log(LOG_NAME, LOG_KEY);
  logs.set(name, log);
  return log;
}

export function sealEventsOf({ SEAL_EVENTS: given }: Environment): number {
  const events = Number(given);
  return Number.isSafeInteger(events) && events > 0 ? events : SEAL_EVENTS;
}

/** The object of an actor. Its answers are values; a throw means that it could not be reached. */
export function actorStub(environment: Environment, id: string): ActorRpc {
  const { ACTOR } = environment;
  return ACTOR.get(ACTOR.idFromName(id)) as unknown as ActorRpc;
}
