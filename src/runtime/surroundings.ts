// What the object of an actor works on besides its own storage: made of the bindings, once for each life.

import type { Ledger } from "../chain/ledger.ts";
import type { Executor } from "../executor/executor.ts";
import type { Services } from "../handlers/handler.ts";
import type { Plugins } from "../handlers/plugins.ts";
import type { Registry } from "../handlers/registry.ts";
import type { LabelledStores } from "../store/labels.ts";
import type { ContentStore } from "../store/store.ts";
import type { Archive } from "../chain/archive.ts";
import type { D1Segments } from "../chain/d1-segments.ts";
import type { Births } from "./birth/births.ts";
import type { Starter } from "./birth/starter.ts";
import type { Checkpoints } from "./record/checkpoints.ts";
import type { Blocks } from "./record/content.ts";
import type { Settings } from "./environment.ts";
import type { Directory } from "./directory.ts";
import type { ActorRpc } from "./protocol.ts";
import type { Log } from "./record/notary.ts";
import type { SocketHost } from "./sockets/connections.ts";

/** What an object is given by its Worker. */
export interface Surroundings {
  ledger: Ledger;
  directory: Directory;
  content: ContentStore;
  /** The actor's own raw blocks. */
  blocks: Blocks;
  births: Births;
  starter: Starter;
  stores: LabelledStores;
  executor: Executor;
  registry: Registry;
  plugins: Plugins;
  log: Log;
  checkpoints: Checkpoints;
  archive: Archive;
  segments: D1Segments;
  /** See Sealer. */
  sealEvents: number;
  /** See UNREACHABLE_MS_MAX. */
  unreachableMs: number;
  settings: Settings;
  fetch: Services["fetch"];
  sockets: SocketHost;
  peer: (id: string) => ActorRpc;
}
