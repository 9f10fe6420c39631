// The bindings of the Worker, as wrangler.toml names them. Read in the composition root and in the
// actor's constructor, nowhere else.

import type { ActorRpc } from "./protocol.ts";

export interface Environment {
  ACTOR: DurableObjectNamespace;
  LEDGER: D1Database;
  CONTENT: R2Bucket;
  LOADER: WorkerLoader;
  /** Names this deployment in every genesis; never changed after the first actor. */
  LOG_NAME: string;
  /** Hex sha256 of each bearer token, separated by commas. Nobody is answered without one. */
  THEATER_TOKEN_SHA256?: string;
}

/** The object of an actor. Its answers are values; a throw means that it could not be reached. */
export function actorStub(environment: Environment, id: string): ActorRpc {
  const { ACTOR } = environment;
  return ACTOR.get(ACTOR.idFromName(id)) as unknown as ActorRpc;
}
