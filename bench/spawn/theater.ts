// A Theater of its own for one contender, and what is asked of it.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Connection } from "../load/connection.ts";
import { startBenchServer } from "../server.ts";
import { bytesOf, newestWorkerd, told, type Contender } from "./contender.ts";

const HANDLER = [{ type: "runtime" }, { type: "message-server" }];

export class Theater {
  readonly port: number;
  readonly workerd: number | undefined;
  readonly stop: () => Promise<void>;
  readonly #headers: Record<string, string>;

  private constructor(
    { port, workerd, stop }: Omit<Contender, "name" | "ready">,
    headers: Record<string, string>,
  ) {
    this.port = port;
    this.workerd = workerd;
    this.stop = stop;
    this.#headers = headers;
  }

  static async open(bundled?: Uint8Array): Promise<Theater> {
    const folder = await mkdtemp(join(tmpdir(), "theater-bench-"));
    const server = await startBenchServer(folder, bundled === undefined ? {} : { bundled });
    const headers = {
      authorization: `Bearer ${server.token}`,
      "content-type": "application/json",
    };
    const stop = async (): Promise<void> => {
      await server.dispose();
      await rm(folder, { recursive: true, force: true });
    };
    const port = Number(new URL(server.url).port);
    return new Theater({ port, workerd: await newestWorkerd(), stop }, headers);
  }

  /** The request that uploads a component. */
  upload(wasm: Uint8Array): Buffer {
    return bytesOf({ method: "PUT", path: "/v1/components", headers: this.#headers, body: wasm });
  }

  /** The request that starts an actor. */
  start(component: string, name = "bench"): Buffer {
    const manifest = { component, name, version: "1", handler: HANDLER };
    const body = JSON.stringify({ manifest });
    return bytesOf({ method: "POST", path: "/v1/actors", headers: this.#headers, body });
  }

  /** From the upload of a component to an actor's first reply. */
  async firstReply(connection: Connection, upload: Buffer): Promise<void> {
    const component = componentOf(await told(connection, upload));
    const born = await told(connection, this.start(component));
    const path = `/v1/actors/${(JSON.parse(born) as { id: string }).id}/request`;
    const asked = bytesOf({ method: "POST", path, headers: this.#headers, body: "1" });
    await told(connection, asked);
  }
}

/** From the answer to an upload. */
export function componentOf(answer: string): string {
  return (JSON.parse(answer) as { component: string }).component;
}
