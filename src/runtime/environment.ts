// The bindings of the Worker, as wrangler.toml names them. Read in the composition root and in the
// actor's constructor, nowhere else.

import { Archive } from "../chain/archive.ts";
import { ArchivedLedger } from "../chain/archived-ledger.ts";
import { D1Ledger } from "../chain/d1-ledger.ts";
import { D1Segments } from "../chain/d1-segments.ts";
import { sha256 } from "../chain/hash.ts";
import type { Ledger } from "../chain/ledger.ts";
import type { PluginBinding } from "../handlers/plugin-service.ts";
import { Plugins } from "../handlers/plugins.ts";
import { fromUtf8 } from "../lib/bytes.ts";
import { TheaterError } from "../lib/errors.ts";
import { Checkpoints } from "./record/checkpoints.ts";
import { Log } from "./record/notary.ts";
import type { ActorRpc } from "./protocol.ts";
import { UNREACHABLE_MS_MAX } from "./children/give-order.ts";
import { SEAL_EVENTS } from "./record/sealer.ts";

export interface Environment {
  ACTOR: DurableObjectNamespace;
  /** Shard 0 of the ledger, and whatever is not about one chain. */
  LEDGER: D1Database;
  /** More shards, without a gap. Adding one concerns new actors only; none may ever be taken away. */
  LEDGER_1?: D1Database;
  LEDGER_2?: D1Database;
  LEDGER_3?: D1Database;
  LEDGER_4?: D1Database;
  LEDGER_5?: D1Database;
  LEDGER_6?: D1Database;
  LEDGER_7?: D1Database;
  CONTENT: R2Bucket;
  /** Without it only components run that are bundled with the Worker. */
  LOADER?: WorkerLoader;
  /** "off": bundled components run as all others do, in isolates of their own. */
  BUNDLED?: string;
  /** Names this deployment in every genesis; never changed after the first actor. */
  LOG_NAME: string;
  /** Events that stay in D1 and in the object before older ones are sealed into R2; 10,000 by default. */
  SEAL_EVENTS?: string;
  /** How long a child's object may be silent before whoever waits for its end gives it up, ms; 30,000 by default. */
  UNREACHABLE_MS?: string;
  /** "1": a manifest's component may be fetched from this machine and its networks, as in `theater dev`. */
  FETCH_LOCAL?: string;
  /** Secret: base64 of the log's Ed25519 private key, 32 bytes. Without one nothing is signed. */
  LOG_KEY?: string;
  /** Which hosts lead to which actors; see docs/http.md. */
  ACTOR_HOSTS?: string;
  /** Hex sha256 of each bearer token, separated by commas. Nobody is answered without one. */
  THEATER_TOKEN_SHA256?: string;
}

/** Before the names of the bindings to plug-ins in other Workers. */
const PLUGIN = "PLUGIN_";

/** No other binding can be called by a plug-in's name. */
export function pluginsOf(environment: Environment): Plugins {
  const bindings = Object.entries(environment).flatMap(([name, binding]: [string, unknown]) =>
    name.startsWith(PLUGIN) && typeof binding === "object" && binding !== null
      ? [[name.slice(PLUGIN.length), binding as PluginBinding] as const]
      : [],
  );
  return new Plugins(new Map(bindings));
}

export interface Shard {
  /** D1's rows alone. */
  rows: Ledger;
  segments: D1Segments;
  archive: Archive;
  /** Rows and archive as one. */
  ledger: Ledger;
  checkpoints: Checkpoints;
}

/** Before the names of variables that actors may be let read, and of secrets that they may be let send. */
const ACTOR_ENV = "ACTOR_ENV_";
const ACTOR_SECRET = "ACTOR_SECRET_";

/** What the operator set for actors. Nothing else of the Worker's bindings can be asked for by any name. */
export interface Settings {
  variables: ReadonlyMap<string, string>;
  secrets: ReadonlyMap<string, string>;
}

export function settingsOf(environment: Environment): Settings {
  const after = (prefix: string): ReadonlyMap<string, string> =>
    new Map(
      Object.entries(environment).flatMap(([name, value]: [string, unknown]) =>
        name.startsWith(prefix) && typeof value === "string"
          ? [[name.slice(prefix.length), value] as const]
          : [],
      ),
    );
  return { variables: after(ACTOR_ENV), secrets: after(ACTOR_SECRET) };
}

/** One per isolate and key: importing a key costs more than signing with it. */
const logs = new Map<string, Log>();

export function logOf({ LOG_NAME, LOG_KEY }: Environment): Log {
  const name = `${LOG_NAME} ${LOG_KEY ?? ""}`;
  const log = logs.get(name) ?? new Log(LOG_NAME, LOG_KEY);
  logs.set(name, log);
  return log;
}

/** The bound databases of the ledger, by shard. */
export function shardsOf(environment: Environment): D1Database[] {
  const { LEDGER, LEDGER_1, LEDGER_2, LEDGER_3, LEDGER_4, LEDGER_5, LEDGER_6, LEDGER_7 } =
    environment;
  const more = [LEDGER_1, LEDGER_2, LEDGER_3, LEDGER_4, LEDGER_5, LEDGER_6, LEDGER_7];
  const end = more.indexOf(undefined);
  return [
    LEDGER,
    ...more.slice(0, end === -1 ? more.length : end).filter((db) => db !== undefined),
  ];
}

/** The shard of an actor that is born now: as good as random, and the same at every repetition. */
export function shardAtBirth(environment: Environment, id: string): number {
  return (sha256(fromUtf8(id))[0] ?? 0) % shardsOf(environment).length;
}

/** Where the chains of a shard are. Throws `not-configured` for one that is not bound any more. */
export function shardOf(environment: Environment, shard: number): Shard {
  const db = shardsOf(environment)[shard];
  if (db === undefined) {
    const message = `This actor's events are in shard ${shard}: bind LEDGER_${shard} again.`;
    throw new TheaterError("not-configured", message, { shard });
  }
  const [rows, segments] = [new D1Ledger(db), new D1Segments(db)];
  const archive = new Archive(environment.CONTENT);
  const ledger = new ArchivedLedger(rows, segments, archive);
  return { rows, segments, archive, ledger, checkpoints: new Checkpoints(db) };
}

export function sealEventsOf({ SEAL_EVENTS: given }: Environment): number {
  const events = Number(given);
  return Number.isSafeInteger(events) && events > 0 ? events : SEAL_EVENTS;
}

export function unreachableMsOf({ UNREACHABLE_MS: given }: Environment): number {
  const ms = Number(given);
  return Number.isSafeInteger(ms) && ms > 0 ? ms : UNREACHABLE_MS_MAX;
}

/** The object of an actor. Its answers are values; a throw means that it could not be reached. */
export function actorStub(environment: Environment, id: string): ActorRpc {
  const { ACTOR } = environment;
  return ACTOR.get(ACTOR.idFromName(id)) as unknown as ActorRpc;
}
